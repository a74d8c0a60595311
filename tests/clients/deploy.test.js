// The files of deploy/ work: HAProxy with two servers, the settings of Docker Compose and Kubernetes, and the alerts.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";

import { parse as parseYaml, parseAllDocuments, stringify } from "yaml";

import { call, makeCodes } from "./api.js";
import { readPages } from "./markdown.js";
import { startPostgres } from "./postgres.js";
import { PROGRAM, serve } from "./server.js";

const ROOT = new URL("../../", import.meta.url).pathname;
const DEPLOY = join(ROOT, "deploy");
const CHART = join(DEPLOY, "helm/promolink");

const run = promisify(execFile);
// Debian's HAProxy is in /usr/sbin, which is not in the path of every user.
const HAPROXY = { env: { PATH: `${process.env.PATH}:/usr/sbin` } };
const read = (name) => readFile(join(DEPLOY, name), "utf8");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A program of the Python environment that `tests/run` makes. */
const python = (program) => join(dirname(process.env.PROMOLINK_SCHEMATHESIS ?? join(ROOT, "target/clients/bin/st")), program);

// The packages of Helm and Docker Compose contain programs for this architecture only.
const X86_64 = { skip: process.arch !== "x64" && "Helm and Docker Compose are tested on x86_64" };

const pages = await readPages();

const SECRETS = { OWNER_PASSWORD: "owner", SERVER_PASSWORD: "server", GRAFANA_PASSWORD: "grafana", ENCRYPTION_KEY: "A".repeat(43) + "=" };

/** compose.yaml as Docker Compose reads it: checked against its schema, with variables and defaults filled in. */
async function compose(environment = SECRETS) {
  const { stdout: folder } = await run(python("python"), ["-c", "import compose; print(compose.__path__[0])"]);
  const program = join(folder.trim(), "docker-compose");
  const options = { env: { PATH: process.env.PATH, HOME: tmpdir(), ...environment } };
  // Not with a file .env that the developer may have.
  const args = ["--env-file", "/dev/null", "-f", join(DEPLOY, "compose.yaml"), "config", "--format", "json"];
  const { stdout, stderr } = await run(program, args, options);
  assert.equal(stderr, "");
  return JSON.parse(stdout);
}

test("compose.yaml is valid, and consistent with the files that it mounts", X86_64, async () => {
  const { services } = await compose();
  for (const name of Object.keys(SECRETS)) {
    await assert.rejects(compose({ ...SECRETS, [name]: "" }), { message: new RegExp(`required variable ${name}`) });
  }
  for (const { image, volumes = [], build } of Object.values(services)) {
    assert.ok(build || /:v?\d/.test(image), `${image} has a version`);
    for (const { type, source } of volumes) if (type === "bind") await access(source);
  }
  for (const name of ["promolink-1", "promolink-2", "migrate", "proxy", "prometheus"]) {
    assert.ok(services[name].read_only && services[name].cap_drop.includes("ALL"), name);
  }
  const { environment, stop_grace_period: grace } = services["promolink-1"];
  const seconds = (text) => Number(/^(\d+)s$/.exec(text)[1]);
  assert.ok(seconds(grace) > seconds(environment.PROMOLINK_SHUTDOWN_DELAY) + seconds(environment.PROMOLINK_SHUTDOWN_GRACE));
  // The addresses by which the containers reach each other.
  const addresses = ["promolink-1", "promolink-2"];
  const proxied = [...(await read("haproxy.cfg")).matchAll(/^ +server \S+ (\S+)$/gm)].map(([, address]) => address);
  assert.deepEqual(proxied, addresses.map((name) => `${name}:8080`));
  const [{ static_configs: scraped }] = parseYaml(await read("prometheus/prometheus.yaml")).scrape_configs;
  const metrics = environment.PROMOLINK_METRICS_LISTEN.replace("0.0.0.0", "");
  assert.deepEqual(scraped[0].targets, addresses.map((name) => name + metrics));
  const [{ url }] = parseYaml(await read("compose/grafana-datasources.yaml")).datasources;
  assert.equal(url, "http://prometheus:9090");
});

test("settings in deploy/ are documented", async () => {
  const { text } = pages.find(({ name }) => name === "docs/configuration.md");
  const names = (await readdir(DEPLOY, { recursive: true })).filter((name) => /\.(ya?ml|cfg|tpl|json|service)$/.test(name));
  for (const name of names) {
    for (const [variable] of (await read(name)).matchAll(/\bPROMOLINK_[A-Z_]*[A-Z]/g)) {
      // The key of an agent is not a setting of the server.
      assert.ok(text.includes(`\`${variable}\``) || variable === "PROMOLINK_KEY", `${name}: ${variable}`);
    }
  }
});

test("HAProxy replaces a server without a failed request, and another that is killed without a lost link", X86_64, async (t) => {
  await run("haproxy", ["-v"], HAPROXY).catch(() => assert.fail("HAProxy is missing: apt-get install haproxy"));
  const { services } = await compose();
  const [postgresPort, proxyPort, ...ports] = await freePorts(6);
  const postgres = await startPostgres(postgresPort);
  t.after(() => postgres.stop());
  const psql = (user, ...args) =>
    run("psql", ["--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", `--username=${user}`, ...args], {
      env: { PATH: process.env.PATH, ...postgres.environment, SERVER_PASSWORD: SECRETS.SERVER_PASSWORD },
    });
  // What the image of PostgreSQL does with its variables, and with roles.sql.
  const { POSTGRES_USER: owner, POSTGRES_DB: database } = services.postgres.environment;
  await psql("postgres", `--command=CREATE ROLE ${owner} SUPERUSER LOGIN`, `--command=CREATE DATABASE ${database} OWNER ${owner}`);
  await psql(owner, `--dbname=${database}`, `--file=${join(DEPLOY, "compose/roles.sql")}`);

  /** The settings of a service, with addresses of this machine. */
  const settings = (service, more = {}) => ({
    ...services[service].environment,
    DATABASE_URL: services[service].environment.DATABASE_URL.replace("@postgres:5432", `@127.0.0.1:${postgresPort}`),
    ...more,
  });
  await run(PROGRAM, services.migrate.command, { env: settings("migrate") });
  const servers = ["promolink-1", "promolink-2"].map((service, index) => {
    const [port, metrics] = [ports[2 * index], ports[2 * index + 1]];
    const env = settings(service, { PROMOLINK_LISTEN: `127.0.0.1:${port}`, PROMOLINK_METRICS_LISTEN: `127.0.0.1:${metrics}` });
    return new Server(services[service].command, env, { port, metrics });
  });
  t.after(() => servers.forEach((server) => server.process?.kill("SIGKILL")));
  await Promise.all(servers.map((server) => server.start()));

  const keys = {};
  for (const role of ["admin", "service"]) {
    const created = await run(PROGRAM, ["key", "create", "--org", "100458", "--role", role], { env: settings("promolink-1") });
    keys[role] = created.stdout.trim();
  }
  const codes = Array.from({ length: 10_000 }, (_, number) => `CODE-${number}`);
  await makeCodes({ url: `http://127.0.0.1:${ports[0]}/graphql` }, keys.admin, codes);

  await startProxy(t, proxyPort, servers);
  const proxy = `http://127.0.0.1:${proxyPort}`;
  await until("the proxy is ready", async () => (await fetch(`${proxy}/graphql`)).status !== 503);
  assert.equal((await fetch(`${proxy}/ready`)).status, 404);
  const load = new Load(`${proxy}/graphql`, keys.service, codes);
  t.after(() => load.stop().catch(() => {}));

  await load.waitForLinks(200);
  await servers[0].restart();
  await until("the new server gets requests", async () => (await servers[0].links()) > 100);
  assert.deepEqual(load.failures, [], `of ${load.linked} links while a server was replaced`);

  servers[1].process.kill("SIGKILL");
  const before = load.linked;
  await load.waitForLinks(500);
  const failed = load.failures.length;
  await servers[1].start();
  await until("the server that was killed gets requests", async () => (await servers[1].links()) > 100);
  await load.stop();
  t.diagnostic(`${before} links, then ${load.linked - before} after a server was killed, of which ${failed} were sent again`);
  // The requests that were in progress when the server was killed, at most one for each client.
  assert.ok(failed <= Load.CLIENTS, load.failures.join("\n"));
  const promotions = await psql(owner, `--dbname=${database}`, "--command=SELECT count(*) FROM promotions");
  assert.equal(Number(promotions.stdout), load.linked);
  await run(PROGRAM, ["check"], { env: settings("promolink-1") });
  for (const server of servers) assert.doesNotMatch(server.log, /no effect|"ERROR"/);

  servers.forEach((server) => server.process.kill("SIGKILL"));
  await until("the proxy has no server", async () => (await fetch(`${proxy}/graphql`)).status === 503);
  const unavailable = await call({ url: `${proxy}/graphql` }, keys.service, "{ __typename }");
  assert.deepEqual(unavailable.errors[0].extensions, { code: "OVERLOADED", retryable: true });
});

/** A server that is started again and again at the same addresses. */
class Server {
  log = "";

  constructor(command, env, { port, metrics }) {
    Object.assign(this, { command, env, port, metrics });
  }

  async start() {
    this.process = spawn(PROGRAM, this.command, { env: this.env, stdio: ["ignore", "ignore", "pipe"] });
    this.process.stderr.on("data", (text) => (this.log += text));
    await until("the server is ready", async () => {
      assert.equal(this.process.exitCode, null, this.log);
      return (await fetch(`http://127.0.0.1:${this.port}/ready`)).ok;
    });
  }

  async restart() {
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    // During the delay of the shutdown. Later, the server would refuse connections.
    await until("the proxy sends no more requests to a server that is shutting down", async () => {
      const before = await this.links();
      await sleep(500);
      return (await this.links()) === before;
    });
    assert.deepEqual(await ended, [0, null]);
    await this.start();
  }

  /** The number of links since the server started. */
  async links() {
    const text = await (await fetch(`http://127.0.0.1:${this.metrics}/metrics`)).text();
    return Number(/^promolink_links_total\{outcome="LINKED"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }
}

/** Clients that link each code to a customer, and send a request again until it succeeds. */
class Load {
  static CLIENTS = 16;
  linked = 0;
  failures = [];
  #ends = false;

  constructor(url, key, codes) {
    const unused = codes.entries();
    this.clients = Array.from({ length: Load.CLIENTS }, async () => {
      for (const [customerId, code] of unused) {
        if (this.#ends) return;
        await this.#link({ url }, key, { customerId: customerId + 1, code, mode: "DISCOUNT" });
        await sleep(25);
      }
      assert.fail("there are not enough codes");
    });
  }

  async #link(server, key, input) {
    const mutation = "mutation($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { customerId } }";
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const response = await call(server, key, mutation, { input }).catch((error) => ({ error: `${error} ${error.cause}` }));
      if (response.data?.linkPromotionCode?.customerId === input.customerId) {
        this.linked += 1;
        return;
      }
      this.failures.push(JSON.stringify(response));
      await sleep(100);
    }
    assert.fail(`a link failed again and again: ${this.failures.at(-1)}`);
  }

  waitForLinks(number) {
    const target = this.linked + number;
    return Promise.race([until(`${number} more links were made`, () => this.linked >= target), Promise.all(this.clients)]);
  }

  async stop() {
    this.#ends = true;
    await Promise.all(this.clients);
  }
}

async function startProxy(t, port, servers) {
  const folder = await mkdtemp(join(tmpdir(), "promolink-haproxy-"));
  t.after(() => rm(folder, { recursive: true }));
  let config = (await read("haproxy.cfg")).replace("bind :8080", `bind 127.0.0.1:${port}`);
  for (const [index, server] of servers.entries()) config = config.replace(`promolink-${index + 1}:8080`, `127.0.0.1:${server.port}`);
  // Only root can become another user.
  if (process.getuid() !== 0) config = config.replaceAll(/^ +(user|group) .*\n/gm, "");
  const path = join(folder, "haproxy.cfg");
  await writeFile(path, config);
  const checked = await run("haproxy", ["-c", "-f", path], HAPROXY);
  assert.doesNotMatch(checked.stderr, /WARNING|ALERT/);
  const proxy = spawn("haproxy", ["-db", "-f", path], { ...HAPROXY, stdio: "ignore" });
  t.after(() => proxy.kill("SIGKILL"));
}

async function until(what, holds) {
  // A server that can't be reached makes `fetch` throw this.
  const unreachable = (error) => (error instanceof TypeError ? false : Promise.reject(error));
  const end = Date.now() + 20_000;
  while (Date.now() < end) {
    if (await Promise.resolve(holds()).catch(unreachable)) return;
    await sleep(50);
  }
  assert.fail(`20 seconds passed before this was true: ${what}`);
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

const { groups } = parseYaml(await read("prometheus/alerts.yaml"));
const rules = groups.flatMap(({ rules }) => rules);

/** What two servers without problems report, by series. `+` is the increase in a minute. */
const HEALTHY = {
  'up{job="promolink", instance="a"}': "1x120",
  'up{job="promolink", instance="b"}': "1x120",
  'promolink_build_info{instance="a", version="1"}': "1x120",
  'promolink_requests_total{instance="a", status="200", error="none"}': "0+6000x120",
  'promolink_requests_total{instance="a", status="503", error="OVERLOADED"}': "0+1x120",
  'promolink_request_seconds_bucket{instance="a", le="0.1"}': "0+6000x120",
  'promolink_request_seconds_bucket{instance="a", le="10"}': "0+6001x120",
  'promolink_request_seconds_bucket{instance="a", le="+Inf"}': "0+6001x120",
  'promolink_link_queue_seconds_bucket{instance="a", le="0.1"}': "0+6000x120",
  'promolink_link_queue_seconds_bucket{instance="a", le="10"}': "0+6001x120",
  'promolink_link_queue_seconds_bucket{instance="a", le="+Inf"}': "0+6001x120",
  'promolink_event_lag_seconds_bucket{instance="a", le="0.1"}': "0+6000x120",
  'promolink_event_lag_seconds_bucket{instance="a", le="30"}': "0+6001x120",
  'promolink_event_lag_seconds_bucket{instance="a", le="+Inf"}': "0+6001x120",
  'promolink_database_connections{instance="a", database="primary", state="awaited"}': "0x59 9x1 0x60",
  'promolink_replica_available{instance="a"}': "1x50 0 0 1x70",
  'promolink_refusals_total{instance="a", limit="failed links"}': "0+5x120",
  'promolink_webhook_backlog_seconds{instance="a", endpoint="1"}': "60x120",
  // One of two was enabled again.
  'promolink_webhook_endpoints{instance="a", state="disabled"}': "2x50 1x70",
  'promolink_events_removed_undelivered_total{instance="a"}': "0x120",
  'promolink_log_lines_dropped_total{instance="a"}': "0x120",
};

/** For each alert, what is different when it fires. */
const PROBLEMS = {
  PromolinkDown: { 'up{job="promolink", instance="a"}': "1x58 0x60", 'up{job="promolink", instance="b"}': "1x58 stale" },
  PromolinkServerDown: { 'up{job="promolink", instance="b"}': "1x50 0x70" },
  PromolinkOverloaded: { 'promolink_requests_total{instance="a", status="503", error="OVERLOADED"}': "0+90x120" },
  // The first such error of a server.
  PromolinkInternalErrors: { 'promolink_requests_total{instance="a", status="200", error="INTERNAL"}': "_x55 1x65" },
  PromolinkSlowRequests: { 'promolink_request_seconds_bucket{instance="a", le="0.1"}': "0+3000x120" },
  PromolinkSlowLinks: { 'promolink_link_queue_seconds_bucket{instance="a", le="0.1"}': "0+3000x120" },
  PromolinkConnectionsExhausted: { 'promolink_database_connections{instance="a", database="primary", state="awaited"}': "3x120" },
  PromolinkReplicaUnavailable: { 'promolink_replica_available{instance="a"}': "1x50 0x70" },
  PromolinkGuessedCodes: { 'promolink_refusals_total{instance="a", limit="failed links"}': "0+90x120" },
  PromolinkSlowEvents: { 'promolink_event_lag_seconds_bucket{instance="a", le="0.1"}': "0+3000x120" },
  PromolinkWebhookBehind: { 'promolink_webhook_backlog_seconds{instance="a", endpoint="1"}': "3000+60x120" },
  PromolinkWebhookDisabled: { 'promolink_webhook_endpoints{instance="a", state="disabled"}': "1x50 2x70" },
  PromolinkEventsLost: { 'promolink_events_removed_undelivered_total{instance="a"}': "0x50 7x70" },
  PromolinkLogLinesDropped: { 'promolink_log_lines_dropped_total{instance="a"}': "0+10x120" },
  PromolinkVersionsDiffer: { 'promolink_build_info{instance="b", version="2"}': "1x120" },
};

test("each alert fires when its problem occurs, and only then", async (t) => {
  await run("promtool", ["--version"]).catch(() => assert.fail("promtool is missing: apt-get install prometheus"));
  assert.deepEqual(rules.map(({ alert }) => alert), Object.keys(PROBLEMS));
  await run("promtool", ["check", "config", join(DEPLOY, "prometheus/prometheus.yaml")]);
  const cases = [["no problem", {}], ...Object.entries(PROBLEMS)].map(([name, different]) => ({
    interval: "1m",
    input_series: Object.entries({ ...HEALTHY, ...different }).map(([series, values]) => ({ series, values })),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: "62m",
        exp_samples: name in PROBLEMS ? [{ labels: `{alertname="${name}"}`, value: 1 }] : [],
      },
    ],
  }));
  const folder = await mkdtemp(join(tmpdir(), "promolink-alerts-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "tests.yaml");
  await writeFile(path, stringify({ rule_files: [join(DEPLOY, "prometheus/alerts.yaml")], evaluation_interval: "1m", tests: cases }));
  await run("promtool", ["test", "rules", path]).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
});

test("alerts name metrics and pages that exist", () => {
  const metrics = pages.find(({ name }) => name === "docs/observability.md").text;
  for (const { alert, expr, annotations, labels } of rules) {
    for (const [metric] of `${expr} ${annotations.description}`.matchAll(/\bpromolink_[a-z_]+/g)) {
      assert.ok(metrics.includes(`\`${metric.replace(/_bucket$/, "")}\``), `${alert}: ${metric}`);
    }
    const [name, anchor] = annotations.documentation.split("#");
    const page = pages.find((page) => page.name === name);
    assert.ok(page && (anchor === undefined || page.anchors.includes(anchor)), `${alert}: ${annotations.documentation}`);
    assert.ok(annotations.summary && annotations.description && ["critical", "warning"].includes(labels.severity), alert);
  }
});

/** Lints the chart and renders it with each of these values, by Helm itself. */
async function helm(values) {
  const program = `
import helm_python as helm, json, sys

path, values = sys.argv[1], json.loads(sys.argv[2])

def render(chart, values):
    try:
        chart.validate_schema(values)
        return chart.render(values, name="shop", namespace="shop")
    except helm.HelmError as error:
        return {"error": str(error)}

with helm.Chart.load(path) as chart:
    lint = [helm.lint(path, each, strict=True) for each in values[:2]]
    print(json.dumps({"lint": lint, "rendered": [render(chart, each) for each in values]}))`;
  const { stdout } = await run(python("python"), ["-c", program, CHART, JSON.stringify(values)]);
  const { lint, rendered } = JSON.parse(stdout);
  const problems = lint.flatMap(({ messages, errors }) => [...messages.filter(({ severity }) => severity > 1), ...errors]);
  assert.deepEqual(problems, []);
  return rendered;
}

/** Every feature of the chart. The settings are the examples of values.yaml. */
async function allFeatures() {
  const examples = (await readFile(join(CHART, "values.yaml"), "utf8")).match(/^# +PROMOLINK_.*$/gm);
  return {
    settings: parseYaml(examples.map((line) => line.slice(1)).join("\n")),
    autoscaling: { enabled: true },
    serviceMonitor: { enabled: true, labels: { release: "prometheus" } },
    ingress: { enabled: true, className: "nginx", annotations: { note: "text" }, tlsSecret: "certificate" },
    migration: { existingSecret: "promolink-owner" },
    imagePullSecrets: [{ name: "registry" }],
    extraVolumes: [{ name: "documents", configMap: { name: "documents" } }],
    extraVolumeMounts: [{ name: "documents", mountPath: "/etc/promolink" }],
    podAnnotations: { note: "text" },
    nodeSelector: { "kubernetes.io/arch": "amd64" },
    tolerations: [{ key: "dedicated", operator: "Exists" }],
    affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
  };
}

test("the chart renders valid objects of Kubernetes", X86_64, async (t) => {
  const features = await allFeatures();
  const [plain, full, secret, unknown] = await helm([{}, features, { settings: { PROMOLINK_JWT_SECRET: "x" } }, { replicas: 3 }]);
  assert.match(secret.error, /PROMOLINK_JWT_SECRET/, "a secret in the values is rejected");
  assert.match(unknown.error, /replicas/, "unknown values are rejected");
  const objects = (rendered) =>
    Object.entries(rendered)
      .filter(([name]) => name.endsWith(".yaml"))
      .flatMap(([, text]) => parseAllDocuments(text).map((document) => document.toJS()))
      .filter(Boolean);
  const kinds = (rendered) => objects(rendered).map(({ kind }) => kind).sort();
  const always = ["Deployment", "Job", "PodDisruptionBudget", "Service"];
  assert.deepEqual(kinds(plain), always);
  assert.deepEqual(kinds(full), [...always, "HorizontalPodAutoscaler", "Ingress", "Service", "ServiceMonitor"].sort());

  const folder = await mkdtemp(join(tmpdir(), "promolink-chart-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "objects.yaml");
  // ServiceMonitor is not an object of Kubernetes itself.
  const known = [...objects(plain), ...objects(full)].filter(({ kind }) => kind !== "ServiceMonitor");
  await writeFile(path, known.map((object) => `---\n${JSON.stringify(object)}\n`).join(""));
  for (const version of ["1.25", "1.37"]) {
    const checked = run(python("kubernetes-validate"), ["--strict", "--kubernetes-version", version, path]);
    await checked.catch(({ stdout, stderr }) => assert.fail(`${version}: ${stdout}${stderr}`));
  }

  // What refers to each other.
  const find = (kind, suffix = "") => objects(full).find(({ kind: is, metadata }) => is === kind && metadata.name.endsWith(suffix));
  const selected = (selector, { metadata }) => Object.entries(selector).every(([name, value]) => metadata.labels[name] === value);
  const pod = find("Deployment").spec.template;
  const migration = find("Job").spec.template;
  for (const selector of [
    find("Deployment").spec.selector.matchLabels,
    find("Service", "promolink").spec.selector,
    find("Service", "metrics").spec.selector,
    find("PodDisruptionBudget").spec.selector.matchLabels,
    ...pod.spec.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
  ]) {
    assert.ok(selected(selector, pod) && !selected(selector, migration), JSON.stringify(selector));
  }
  const monitor = find("ServiceMonitor").spec;
  assert.ok(selected(monitor.selector.matchLabels, find("Service", "metrics")));
  assert.ok(!selected(monitor.selector.matchLabels, find("Service", "promolink")), "callers can't reach the metrics");
  assert.equal(monitor.endpoints[0].port, find("Service", "metrics").spec.ports[0].name);

  // The pod as the server needs it, and the server with the settings of the pod.
  const [{ env, ports, args, livenessProbe, readinessProbe, securityContext }] = pod.spec.containers;
  const { DATABASE_URL, PROMOLINK_LISTEN, PROMOLINK_METRICS_LISTEN, ...settings } = Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [name, value ?? valueFrom.secretKeyRef]),
  );
  assert.deepEqual(args, ["serve"]);
  assert.deepEqual(DATABASE_URL, { name: "promolink", key: "DATABASE_URL" });
  assert.equal(migration.spec.containers[0].env[0].valueFrom.secretKeyRef.name, "promolink-owner");
  assert.deepEqual([livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path), ["/health", "/ready"]);
  assert.deepEqual(ports.map(({ containerPort }) => `0.0.0.0:${containerPort}`), [PROMOLINK_LISTEN, PROMOLINK_METRICS_LISTEN]);
  assert.ok(securityContext.readOnlyRootFilesystem && pod.spec.securityContext.runAsNonRoot);
  const seconds = ["DELAY", "GRACE"].map((name) => parseInt(settings[`PROMOLINK_SHUTDOWN_${name}`]));
  assert.ok(pod.spec.terminationGracePeriodSeconds > seconds[0] + seconds[1]);
  assert.ok(seconds[0] > readinessProbe.periodSeconds * readinessProbe.failureThreshold);
  // The key set of an example can't be read.
  delete settings.PROMOLINK_JWKS;
  const secrets = { PROMOLINK_JWT_SECRET: "x".repeat(32), PROMOLINK_ENCRYPTION_KEY: SECRETS.ENCRYPTION_KEY };
  const server = await serve([], { ...settings, ...secrets });
  t.after(() => server.stop());
  await until("the server logs its start", async () => (await server.log()).includes("the server has started"));
  assert.doesNotMatch(await server.log(), /no effect/);
});

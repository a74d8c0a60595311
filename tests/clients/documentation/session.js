// What a reader does with a page: takes its blocks one after the other, in one folder, with one shell and one server.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

import { buildSchema, parse, validate } from "graphql";
import { parseAllDocuments } from "yaml";

import { startPostgres } from "../postgres.js";
import { PROGRAM } from "../server.js";

const path = (name) => new URL(name, import.meta.url).pathname;
const REPOSITORY = path("../../../");
const SCHEMA = buildSchema(await readFile(path("../../../schema.graphql"), "utf8"));

const PREAMBLE = `set -eu -o allexport
[ ! -e "$SESSION/environment" ] || . "$SESSION/environment"
`;
const EPILOGUE = `
export -p | grep -v '^declare -x PATH=' >"$SESSION/environment"`;

/** Ids in later documents stand for what these mutations returned. */
const IDS = { createCampaign: "CAMPAIGN-ID", linkPromotionCode: "PROMOTION-ID", redeemPromotion: "REDEMPTION-ID" };

/** What differs from run to run. */
const VOLATILE = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b\d{13}\b/g;

const stable = (value) => JSON.parse(JSON.stringify(value).replaceAll(VOLATILE, (text) => (text.includes("-") ? "id" : "0")));

export async function openSession(page) {
  const [root, port, metrics, postgresPort] = [await mkdtemp(join(tmpdir(), "promolink-docs-")), ...(await freePorts(3))];
  const folder = join(root, "work");
  await mkdir(join(folder, "tests"), { recursive: true });
  await symlink(path("../node_modules"), join(folder, "node_modules"));
  await symlink(join(REPOSITORY, "Cargo.toml"), join(folder, "Cargo.toml"));
  // The tests can't run themselves.
  await writeFile(join(folder, "tests/run"), `#!/bin/sh\ntest -x ${REPOSITORY}tests/run\n`, { mode: 0o755 });
  const postgres = /\b(psql|createdb)\b/.test(page.text) ? await startPostgres(postgresPort) : undefined;
  return new Session(root, folder, { port, metrics, postgresPort }, postgres);
}

class Session {
  #root;
  #folder;
  #ports;
  #postgres;
  #environment;
  #ids = new Map();
  #output = "";

  constructor(root, folder, ports, postgres) {
    this.#root = root;
    this.#folder = folder;
    this.#ports = ports;
    this.#postgres = postgres;
    this.#environment = {
      PATH: [path("."), path("../node_modules/.bin"), process.env.PATH].join(delimiter),
      HOME: root,
      SESSION: root,
      REPOSITORY,
      PROGRAM,
      PROMOLINK_LISTEN: `127.0.0.1:${ports.port}`,
      SERVER_PORT: String(ports.port),
      ...postgres?.environment,
    };
  }

  /** Does with a block what its language and attributes say. What nothing can be done with is an error. */
  async take({ language, attributes, code }, variables) {
    if ("file" in attributes) return this.#write(attributes.file, language, code);
    switch (language) {
      case "sh":
        return this.#shell(code);
      case "js":
        await this.#write("block.mjs", language, code);
        return this.#shell("node block.mjs");
      case "graphql":
        return this.#execute(code, variables, attributes.fails);
      case "json":
      case "yaml":
        return check(language, code);
      case "text":
        return this.#compare(code, attributes);
      default:
        throw new Error(`no test knows what to do with a block of ${language || "no language"}`);
    }
  }

  /** Compares what a page shows with what the block before it put out. */
  compareResponse(shown) {
    assert.deepEqual(stable(JSON.parse(this.#output)), stable(JSON.parse(shown)));
  }

  async close() {
    const server = await readFile(join(this.#root, "server"), "utf8").catch(() => undefined);
    try {
      if (server) process.kill(Number(server), "SIGKILL");
    } catch {
      // It has ended, which the page's commands have reported.
    }
    await this.#postgres?.stop();
    await rm(this.#root, { recursive: true });
  }

  #compare(code, attributes) {
    assert.ok("output" in attributes || "map" in attributes, "a text is an output, or the map that tests/it/house.rs checks");
    if ("output" in attributes) assert.equal(this.#output.trim(), code.trim());
  }

  async #write(name, language, code) {
    check(language, code);
    await mkdir(dirname(join(this.#folder, name)), { recursive: true });
    await writeFile(join(this.#folder, name), this.#localized(code));
  }

  async #shell(code) {
    const script = PREAMBLE + this.#localized(code) + EPILOGUE;
    const options = { cwd: this.#folder, env: this.#environment, timeout: 120_000 };
    this.#output = (await promisify(execFile)("bash", ["-c", script], options)).stdout;
  }

  async #execute(code, variables, fails) {
    const query = code.replaceAll(/"([A-Z]+-ID)"/g, (_, name) => JSON.stringify(this.#ids.get(name)));
    const invalid = validate(SCHEMA, parse(query)).map(({ message }) => message);
    assert.equal(invalid.length > 0, fails === "GRAPHQL_VALIDATION_FAILED", invalid.join("\n"));
    await access(join(this.#root, "server")).catch(() => this.#shell("promolink dev"));
    const key = (await readFile(join(this.#folder, "admin.key"), "utf8").catch(() => "")).trim();
    const response = await fetch(`http://127.0.0.1:${this.#ports.port}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({ query, variables: variables && JSON.parse(variables) }),
    });
    this.#output = await response.text();
    const { data, errors } = JSON.parse(this.#output);
    assert.equal(errors?.[0].extensions.code, fails, this.#output);
    for (const [field, value] of Object.entries(data ?? {})) {
      if (field in IDS && value) this.#ids.set(IDS[field], value.id);
    }
  }

  /** With this machine's addresses for those that a page shows. */
  #localized(code) {
    return code
      .replaceAll(/\b(127\.0\.0\.1|0\.0\.0\.0):8080\b/g, `127.0.0.1:${this.#ports.port}`)
      .replaceAll("127.0.0.1:9464", `127.0.0.1:${this.#ports.metrics}`)
      .replaceAll(/\b(localhost|replica\.internal):5432\b/g, `127.0.0.1:${this.#ports.postgresPort}`);
  }
}

function check(language, code) {
  if (language === "json") JSON.parse(code);
  if (language === "graphql") parse(code);
  if (language === "yaml") {
    for (const { errors } of parseAllDocuments(code)) assert.deepEqual(errors, []);
  }
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

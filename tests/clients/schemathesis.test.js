// Schemathesis generates valid and invalid documents from the schema. None may break the server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { serve } from "./server.js";

// The number of documents for each query and mutation. A thorough run takes 500.
const EXAMPLES = process.env.PROMOLINK_EXAMPLES ?? "100";

const NO_LIMITS = ["operations", "links", "failed-links", "failed-links-per-customer"]
  .map((limit) => `admin.${limit}=none`)
  .join(",");

const part = (name) => new URL(`schemathesis/${name}`, import.meta.url).pathname;

test("no document that Schemathesis generates breaks the server", async (t) => {
  const server = await serve(["admin"], { PROMOLINK_LIMITS: NO_LIMITS });
  t.after(() => server.stop());
  // It runs in a temporary directory, so that it leaves nothing in the source tree.
  const folder = await mkdtemp(join(tmpdir(), "promolink-schemathesis-"));
  t.after(() => rm(folder, { recursive: true }));

  const { status, report, outcomes } = await schemathesis(server, folder, await seed(server));

  console.table(outcomes);
  assert.equal(status, 0, report);
  assert.equal(server.process.exitCode, null, "the server ended");
  assert.doesNotMatch(await server.log(), /ERROR|panicked/);
});

async function schemathesis(server, folder, names) {
  const config = await readFile(part("schemathesis.toml"), "utf8");
  const filled = config.replace(/"(CAMPAIGN|PROMOTION|REDEMPTION|CURSOR|EVENT_CURSOR|ENDPOINT)"/g, (_, name) => JSON.stringify(names[name]));
  await writeFile(join(folder, "schemathesis.toml"), filled);
  const outcomes = join(folder, "outcomes.json");
  const run = spawn(
    process.env.PROMOLINK_SCHEMATHESIS ?? "st",
    // prettier-ignore
    [
      "run", server.url, "--header", `Authorization: Bearer ${server.keys.admin}`, "--max-examples", EXAMPLES,
      "--phases", "fuzzing", "--checks", "answers,response_schema_conformance",
      "--generation-database", "none", "--no-color",
    ],
    {
      cwd: folder,
      env: {
        ...process.env,
        SCHEMATHESIS_HOOKS: part("answers.py"),
        PYTHONDONTWRITEBYTECODE: "1",
        PROMOLINK_OUTCOMES: outcomes,
      },
    },
  );
  let report = "";
  run.stdout.on("data", (chunk) => (report += chunk));
  run.stderr.on("data", (chunk) => (report += chunk));
  const [status] = await once(run, "close");
  // If it could not start, the report says why.
  return { status, report, outcomes: JSON.parse(await readFile(outcomes, "utf8").catch(() => "{}")) };
}

/** Creates the objects that schemathesis.toml names. */
async function seed(server) {
  const campaign = { name: "seed", mode: "DISCOUNT", validTill: 4102444800000, maxRedemptionsPerLink: 1000 };
  const { id } = await execute(server, "CreateCampaign", campaign, "{ id }");
  const codes = { campaignId: id, codes: ["SEED-1", "SEED-2", "SEED-3"], maxLinks: null };
  await execute(server, "ImportPromotionCodes", codes, "{ imported }");
  const link = { customerId: 1, code: "SEED-1", mode: "DISCOUNT" };
  const promotion = await execute(server, "LinkPromotionCode", link, "{ id }");
  const use = { ...link, transactionId: "order-0" };
  const redemption = await execute(server, "RedeemPromotion", use, "{ id }");
  const { pageInfo } = await send(server, "{ answer: campaigns { pageInfo { endCursor } } }");
  const { pageInfo: events } = await send(server, "{ answer: events(first: 1) { pageInfo { endCursor } } }");
  const { endpoint } = await execute(server, "CreateWebhookEndpoint", { url: "https://hooks.invalid/" }, "{ endpoint { id } }");
  return {
    CAMPAIGN: id,
    PROMOTION: promotion.id,
    REDEMPTION: redemption.id,
    CURSOR: pageInfo.endCursor,
    EVENT_CURSOR: events.endCursor,
    ENDPOINT: endpoint.id,
  };
}

/** Executes the mutation of this name. */
function execute(server, name, input, selection) {
  const field = name[0].toLowerCase() + name.slice(1);
  return send(server, `mutation($input: ${name}Input!) { answer: ${field}(input: $input) ${selection} }`, { input });
}

async function send(server, query, variables) {
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${server.keys.admin}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data.answer;
}

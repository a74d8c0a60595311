// The operations that agents get through Apollo MCP Server (deploy/mcp) match the schema, and work.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { buildSchema, getNamedType, isInputObjectType, isScalarType, isSpecifiedScalarType } from "graphql";
import { parse, typeFromAST, validate } from "graphql";
import { parse as parseYaml } from "yaml";

import { call, makeCodes } from "./api.js";
import { serve } from "./server.js";

const read = (name) => readFile(new URL(`../../${name}`, import.meta.url), "utf8");

const MUTATIONS = ["LinkCode", "RedeemPromotion", "ReverseRedemption", "UnlinkPromotion", "CreateCampaign", "GenerateCodes"];

const schema = buildSchema(await read("schema.graphql"));
const sources = (await read("deploy/mcp/operations.graphql")).split(/\n\n+/).map((text) => text.trim());
const bodies = sources.filter((text) => /^(query|mutation) /m.test(text));
const manifest = JSON.parse(await read("deploy/mcp/operations.json"));
const config = parseYaml(await read("deploy/mcp/config.yaml"));
const scalars = JSON.parse(await read("deploy/mcp/scalars.json"));

const definitionOf = (body) => parse(body).definitions[0];

test("operations.json is what operations.graphql says", async () => {
  const operations = bodies.map((body) => {
    const { name, operation } = definitionOf(body);
    return { id: createHash("sha256").update(body).digest("hex"), name: name.value, type: operation, body };
  });
  const expected = `${JSON.stringify({ format: "apollo-persisted-query-manifest", version: 1, operations }, null, 2)}\n`;
  assert.ok((await read("deploy/mcp/operations.json")) === expected, `operations.json must be:\n${expected}`);
});

for (const { name, body } of manifest.operations) {
  test(`${name} is valid, and describes its tool and its parameters`, () => {
    const document = parse(body);
    assert.deepEqual(validate(schema, document).map(({ message }) => message), []);
    assert.equal(document.definitions.length, 1, "the MCP server rejects a document with several operations");
    const lines = body.split("\n");
    const [start, open] = [lines.findIndex((line) => !line.startsWith("# ")), lines.indexOf("(")];
    assert.ok(lines.slice(0, start).join(" ").length > 30, "a description");
    assert.equal(open, start + 1, "the parenthesis of the variables begins a line");
    for (const { variable } of definitionOf(body).variableDefinitions) {
      const line = lines.findIndex((line) => line.startsWith(`  $${variable.name.value}: `));
      assert.match(lines[line - 1], /^ {2}# .*\.$/, `a description of ${variable.name.value}`);
    }
  });
}

test("scalars.json describes every scalar of the schema's own", () => {
  const own = Object.values(schema.getTypeMap()).filter((type) => isScalarType(type) && !isSpecifiedScalarType(type));
  assert.deepEqual(Object.keys(scalars), own.map(({ name }) => name).sort());
  const accepted = new Set();
  const collect = (type) => {
    if (accepted.has(type)) return;
    accepted.add(type);
    if (isInputObjectType(type)) for (const field of Object.values(type.getFields())) collect(getNamedType(field.type));
  };
  for (const body of bodies) {
    for (const { type } of definitionOf(body).variableDefinitions) collect(getNamedType(typeFromAST(schema, type)));
  }
  for (const { name } of own.filter((type) => accepted.has(type))) {
    assert.ok(scalars[name].type ?? scalars[name].anyOf, `${name} has a JSON type`);
  }
});

test("config.yaml names files that exist, and offers no other operations", async () => {
  assert.equal(config.operations.source, "manifest");
  for (const path of [config.schema.path, config.operations.path, config.custom_scalars]) await read(path);
  assert.equal(config.overrides.mutation_mode, "explicit");
  assert.equal(config.introspection, undefined);
  const mutations = manifest.operations.filter(({ type }) => type === "mutation").map(({ name }) => name);
  assert.deepEqual(mutations, MUTATIONS);
  assert.deepEqual(Object.keys(config.overrides.annotations), mutations);
});

test("every operation works", async (t) => {
  const server = await serve(["admin", "service"]);
  t.after(() => server.stop());
  const { admin, service } = server.keys;
  await makeCodes(server, admin, ["AGENT-1"]);
  const called = new Set();
  const body = (name) => manifest.operations.find((operation) => operation.name === name).body;
  const tool = async (key, name, variables) => {
    called.add(name);
    const { data, errors } = await call(server, key, body(name), variables);
    assert.equal(errors, undefined, `${name}: ${JSON.stringify(errors)}`);
    return Object.values(data)[0];
  };
  const code = { customerId: 42, code: "agent-1", mode: "DISCOUNT" };

  await t.test("with a service key, for support", async () => {
    assert.equal((await tool(service, "CheckCode", code)).linkable, true);
    const { id } = await tool(service, "LinkCode", code);
    assert.equal((await tool(service, "Wallet", { customerId: 42, active: true })).nodes[0].id, id);
    const amount = { minorUnits: 500, currency: "EUR" };
    const redemption = await tool(service, "RedeemPromotion", { ...code, transactionId: "order-1", amount });
    const promotion = await tool(service, "CustomerPromotion", code);
    assert.deepEqual([promotion.id, promotion.redemptions.nodes[0].id], [id, redemption.id]);
    assert.ok((await tool(service, "ReverseRedemption", { id: redemption.id, reason: "Cancelled" })).reversedOn);
    assert.equal((await tool(service, "UnlinkPromotion", { id, reason: "Wrong customer" })).state, "UNLINKED");
  });

  await t.test("with an admin key, for marketing", async () => {
    const offer = { title: "20 % off", benefit: { kind: "PERCENT_OFF", percentOff: 20 } };
    const input = { name: "Autumn", mode: "DISCOUNT", validTill: "2099-12-31T23:59:59Z", offer };
    const { id } = await tool(admin, "CreateCampaign", { input });
    const { codes } = await tool(admin, "GenerateCodes", { campaignId: id, count: 2, pattern: "AUTUMN-########" });
    const [status, unknown] = await tool(admin, "CodeStatus", { codes: [codes[0], "UNKNOWN"], mode: "DISCOUNT" });
    assert.deepEqual([status.campaign.id, status.maxLinks, status.linkCount, unknown], [id, 1, 0, null]);
    assert.deepEqual((await tool(admin, "Campaigns", {})).nodes.map(({ name }) => name), ["Autumn", "Spring"]);
    const campaign = await tool(admin, "CampaignWithOffer", { id });
    assert.deepEqual([campaign.offer.title, campaign.codes.nodes.length], ["20 % off", 2]);
    const filter = { customerId: 42, from: "2020-01-01T00:00:00Z" };
    const [unlinked] = (await tool(admin, "History", { filter })).nodes;
    assert.deepEqual([unlinked.type, unlinked.reason], ["PROMOTION_UNLINKED", "Wrong customer"]);
  });

  assert.deepEqual([...called].sort(), manifest.operations.map(({ name }) => name).sort());

  await t.test("and those for marketing are rejected with a service key", async () => {
    for (const name of ["CodeStatus", "Campaigns", "CampaignWithOffer", "CreateCampaign", "GenerateCodes", "History"]) {
      const examples = {
        CodeStatus: { codes: ["A"], mode: "DISCOUNT" },
        CampaignWithOffer: { id: "1" },
        CreateCampaign: { input: { name: "A", mode: "DISCOUNT", validTill: 1 } },
        GenerateCodes: { campaignId: "1", count: 1, pattern: "#" },
      };
      const { errors } = await call(server, service, body(name), examples[name] ?? {});
      assert.equal(errors?.[0].extensions.code, "FORBIDDEN", name);
    }
  });
});

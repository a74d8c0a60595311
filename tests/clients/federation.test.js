// Promolink as a subgraph: composed with a subgraph of customers, and executed by gateways.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import test from "node:test";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";

import { composeServices as composeApollo } from "@apollo/composition";
import { composeSchemaContract, composeServices as composeGuild } from "@theguild/federation-composition";
import { buildSchema, parse, print } from "graphql";

import { call, makeCodes } from "./api.js";
import { CUSTOMERS_SDL, serveCustomers } from "./customers.js";
import { startApollo, startHive } from "./gateways.js";
import { PROGRAM, serve } from "./server.js";

const subgraphSdl = async () => (await promisify(execFile)(PROGRAM, ["schema", "--federation"])).stdout;

const subgraphs = async (promolink = "http://promolink.example", customers = "http://customers.example") => [
  { name: "promolink", url: promolink, typeDefs: parse(await subgraphSdl()) },
  { name: "customers", url: customers, typeDefs: parse(CUSTOMERS_SDL) },
];

/** The directives that gateways estimate costs with are still there. */
function assertHasCosts(supergraphSdl) {
  const fields = buildSchema(supergraphSdl, { assumeValidSDL: true }).getQueryType().getFields();
  const directive = (name) => fields.customerPromotions.astNode.directives.find((directive) => directive.name.value === name);
  const argument = (name, of) => print(directive(of).arguments.find((argument) => argument.name.value === name).value);
  assert.equal(argument("weight", "cost"), "10");
  assert.equal(argument("slicingArguments", "listSize"), '["first"]');
  assert.equal(argument("sizedFields", "listSize"), '["nodes", "edges"]');
}

test("the graph composes with a graph of customers", async (t) => {
  const parts = await subgraphs();

  await t.test("by @apollo/composition", () => {
    const { errors, supergraphSdl } = composeApollo(parts);
    assert.equal(errors, undefined);
    assert.match(supergraphSdl, /linkPromotionCode/);
    assertHasCosts(supergraphSdl);
  });

  await t.test("by @theguild/federation-composition", () => {
    const { errors, publicSdl, supergraphSdl } = composeGuild(parts);
    assert.equal(errors, undefined);
    assertHasCosts(supergraphSdl);
    const schema = buildSchema(publicSdl);
    const customer = Object.keys(schema.getType("Customer").getFields()).sort();
    assert.deepEqual(customer, ["id", "name", "promotions"]);
    assert.equal(schema.getType("AccessRole"), undefined, "the graph's own roles are hidden");
    assert.deepEqual(schema.getType("Role").getValues().map(({ name }) => name), ["OWNER", "GUEST"]);
  });

  await t.test("without the fields of operators, for a public supergraph", () => {
    const { errors, publicSdl } = composeSchemaContract(parts, { include: new Set(), exclude: new Set(["admin"]) }, true);
    assert.equal(errors, undefined);
    const schema = buildSchema(publicSdl);
    for (const type of ["Campaign", "PromotionCode", "CreateCampaignInput", "GeneratePromotionCodesResult"]) {
      assert.equal(schema.getType(type), undefined, type);
    }
    const mutations = Object.keys(schema.getMutationType().getFields()).sort();
    assert.deepEqual(mutations, [
      "linkPromotionCode",
      "linkPromotionCodes",
      "redeemPromotion",
      "reverseRedemption",
      "unlinkPromotion",
    ]);
  });
});

for (const [name, startGateway] of [["Apollo Gateway", startApollo], ["Hive Gateway", startHive]]) {
  test(`${name} executes it`, (t) => executes(t, startGateway));
}

async function executes(t, startGateway) {
  const server = await serve(["admin", "service", "storefront"], { RUST_LOG: "warn,promolink::sql=debug" });
  t.after(() => server.stop());
  const customers = await serveCustomers();
  t.after(() => customers.stop());
  const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
  await makeCodes(server, server.keys.admin, [...numbers.map((number) => `CODE-${number}`), "FREE"]);

  const gateway = await startGateway(composeApollo(await subgraphs(server.url, customers.url)).supergraphSdl);
  t.after(() => gateway.stop());
  const ask = (key, query, variables) => gateway.ask(key && `Bearer ${key}`, query, variables);
  const { service, storefront } = server.keys;
  const link = (key, customerId, code) =>
    ask(
      key,
      `mutation($input: LinkPromotionCodeInput!) {
        linkPromotionCode(input: $input) { id code customerId createdOn customer { id name } }
      }`,
      { input: { customerId, code, mode: "DISCOUNT" } },
    );

  await t.test("links a code, and joins the customer's name", async () => {
    const { data, errors } = await link(service, 1, "code-1");
    assert.equal(errors, undefined);
    assert.equal(data.linkPromotionCode.code, "CODE-1");
    assert.deepEqual({ ...data.linkPromotionCode.customer }, { id: "1", name: "Customer 1" });
  });

  await t.test("returns errors with their codes", async () => {
    const code = async (response) => (await response).errors[0].extensions.code;
    assert.equal(await code(link(service, 2, "CODE-1")), "CODE_ALREADY_LINKED");
    assert.equal(await code(link(service, 2, "NO-SUCH-CODE")), "CODE_NOT_FOUND");
    assert.equal(await code(link(storefront, 2, "NO-SUCH-CODE")), "FORBIDDEN", "storefronts may not read customer");
    assert.equal(await code(link(undefined, 2, "CODE-2")), "UNAUTHENTICATED");
    const [error] = (await link(service, -1, "CODE-2")).errors;
    assert.deepEqual([error.extensions.code, error.extensions.field], ["INVALID_INPUT", "customerId"]);
  });

  await t.test("reads the wallets of 100 customers with one statement each for promotions and redemptions", async () => {
    const links = numbers.map((number) => ({ customerId: number, code: `CODE-${number}`, mode: "DISCOUNT" }));
    const linking = "mutation($input: [LinkPromotionCodeInput!]!) { linkPromotionCodes(input: $input) { error { code } } }";
    assert.equal((await call(server, service, linking, { input: links })).errors, undefined);
    // Without those that look for webhook endpoints in the background.
    const isCounted = (line) => line.includes('"sql":"SELECT ') && !line.includes("webhook_endpoints");
    const count = async () => (await server.log()).split("\n").filter(isCounted).length;
    // The server writes its log a little later.
    const statements = async () => {
      for (let known = -1; ; ) {
        const counted = await count();
        if (counted === known) return counted;
        known = counted;
        await setTimeout(200);
      }
    };
    const before = await statements();
    const query = `{ customers(first: 100) { id name promotions(first: 20) {
      nodes { code customerId validTill redemptions { nodes { transactionId } } } pageInfo { hasNextPage }
    } } }`;
    const { data, errors } = await ask(service, query);
    assert.equal(errors, undefined);
    assert.equal(data.customers.length, 100);
    for (const { id, name, promotions } of data.customers) {
      assert.equal(name, `Customer ${id}`);
      assert.deepEqual(promotions.nodes.map(({ code }) => code), [`CODE-${id}`]);
    }
    const taken = (await statements()) - before;
    console.log(`100 customers, their wallets and redemptions through the gateway: ${taken} statements`);
    assert.equal(taken, 2, "the wallets, and their redemptions");
  });

  await t.test("keeps the largest customer id exact", async () => {
    const { data, errors } = await link(service, "9007199254740991", "FREE");
    assert.equal(errors, undefined);
    assert.equal(data.linkPromotionCode.customerId, 9007199254740991);
    const [error] = (await link(service, "9007199254740992", "FREE")).errors;
    assert.deepEqual([error.extensions.code, error.extensions.field], ["INVALID_INPUT", "customerId"]);
  });
}

test("a gateway estimates the cost of an operation, and rejects what costs too much", async (t) => {
  const server = await serve(["service"]);
  t.after(() => server.stop());
  const gateway = await startHive(composeGuild(await subgraphs(server.url)).supergraphSdl, 2_000);
  t.after(() => gateway.stop());
  const wallet = async (first) => {
    const query = `query($first: Int) { customerPromotions(customerId: 42, first: $first) {
      nodes { id offer { title } redemptions(first: 5) { nodes { id } } }
    } }`;
    const { errors, extensions } = await gateway.ask(`Bearer ${server.keys.service}`, query, { first });
    return [extensions.cost.estimated, errors?.[0].extensions.code];
  };
  // The page: 10 and 1. Each promotion: 1, its offer 10 and 1, its redemptions 10 and 1, and 5 for themselves.
  assert.deepEqual(await wallet(1), [11 + 28, undefined]);
  assert.deepEqual(await wallet(50), [11 + 50 * 28, undefined]);
  assert.deepEqual(await wallet(undefined), [11 + 20 * 28, undefined]);
  assert.deepEqual(await wallet(100), [11 + 100 * 28, "COST_ESTIMATED_TOO_EXPENSIVE"]);
});

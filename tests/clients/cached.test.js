// Clients with a normalised cache: a linked promotion appears in the cached wallet.

import assert from "node:assert/strict";
import test from "node:test";

import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { Client, cacheExchange, fetchExchange } from "@urql/core";

import { makeCodes } from "./api.js";
import { serve } from "./server.js";

const FIELDS = "id code customerId active validTill state";
const LINK = `mutation Link($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { ${FIELDS} } }`;
const UNLINK = `mutation Unlink($id: ID!) { unlinkPromotion(id: $id) { ${FIELDS} } }`;
const WALLET = `query Wallet($customerId: Long!) { customerPromotions(customerId: $customerId) { nodes { ${FIELDS} } } }`;

const LARGEST = Number.MAX_SAFE_INTEGER;
const input = (code, customerId = 42) => ({ customerId, code, mode: "DISCOUNT" });

test("clients with a cache", async (t) => {
  const server = await serve(["admin", "service"]);
  t.after(() => server.stop());
  await makeCodes(server, server.keys.admin, ["APOLLO-1", "APOLLO-2", "URQL-1", "URQL-2"]);
  const headers = { authorization: `Bearer ${server.keys.service}` };

  await t.test("Apollo Client", async () => {
    const client = new ApolloClient({ cache: new InMemoryCache(), link: new HttpLink({ uri: server.url, headers }) });
    const link = (code, customerId) =>
      client.mutate({
        mutation: gql(LINK),
        variables: { input: input(code, customerId) },
        // A new promotion goes to the front of the wallet, if the wallet was read.
        update: (cache, { data }) =>
          cache.updateQuery({ query: gql(WALLET), variables: { customerId: 42 } }, (wallet) => {
            const { nodes, ...rest } = wallet.customerPromotions;
            return { customerPromotions: { ...rest, nodes: [data.linkPromotionCode, ...nodes] } };
          }),
      });
    const wallet = async (fetchPolicy = "cache-only") => {
      const read = await client.query({ query: gql(WALLET), variables: { customerId: 42 }, fetchPolicy });
      return read.data.customerPromotions.nodes;
    };
    assert.deepEqual(await wallet("network-only"), []);
    const { data } = await link("APOLLO-1");
    assert.deepEqual((await wallet()).map(({ code, state }) => [code, state]), [["APOLLO-1", "ACTIVE"]]);

    // The cache identifies it by id, and updates every view of it.
    await client.mutate({ mutation: gql(UNLINK), variables: { id: data.linkPromotionCode.id } });
    assert.deepEqual((await wallet()).map(({ code, state }) => [code, state]), [["APOLLO-1", "UNLINKED"]]);
    assert.deepEqual(await wallet(), await wallet("network-only"));

    await assert.rejects(link("NO-SUCH-CODE"), ({ errors: [error] }) => error.extensions.code === "CODE_NOT_FOUND");
    const largest = await link("APOLLO-2", LARGEST);
    assert.equal(largest.data.linkPromotionCode.customerId, LARGEST);
    await assert.rejects(link("APOLLO-2", LARGEST + 1), ({ errors: [error] }) => error.extensions.code === "INVALID_INPUT");
    client.stop();
  });

  await t.test("urql", async () => {
    const client = new Client({
      url: server.url,
      exchanges: [cacheExchange, fetchExchange],
      fetchOptions: { headers },
      preferGetMethod: true,
    });
    const wallet = async () => (await client.query(WALLET, { customerId: 7 })).data.customerPromotions.nodes;
    const codes = async () => (await wallet()).map(({ code }) => code);
    await client.mutation(LINK, { input: input("URQL-1", 7) });
    assert.deepEqual(await codes(), ["URQL-1"]);
    // A mutation that returns a Promotion invalidates cached queries of promotions.
    const { data } = await client.mutation(LINK, { input: input("URQL-2", 7) });
    assert.equal(data.linkPromotionCode.code, "URQL-2");
    assert.deepEqual(await codes(), ["URQL-2", "URQL-1"]);

    const { error } = await client.mutation(LINK, { input: input("URQL-1", LARGEST) });
    assert.equal(error.graphQLErrors[0].extensions.code, "CODE_ALREADY_LINKED");
    const largest = await client.query(WALLET, { customerId: LARGEST });
    assert.deepEqual(largest.data.customerPromotions.nodes.map(({ code, customerId }) => [code, customerId]), [["APOLLO-2", LARGEST]]);
    const beyond = await client.query(WALLET, { customerId: LARGEST + 1 });
    assert.equal(beyond.error.graphQLErrors[0].extensions.code, "INVALID_INPUT");
  });
});

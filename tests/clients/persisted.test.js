// Automatic persisted queries, as Apollo Client sends them.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";

import { makeCodes } from "./api.js";
import { serve } from "./server.js";

const WALLET = gql`query Wallet($customerId: Long!) { customerPromotions(customerId: $customerId) { nodes { id code } } }`;
const LINK = gql`mutation Link($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id code } }`;

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** A client that records what it sends: the method, and whether the request contains the text of the document. */
function connect(server, useGETForHashedQueries) {
  const sent = [];
  const noted = (url, options) => {
    const body = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(url).searchParams);
    sent.push(`${options.method} ${body.query ? "text" : "hash"}`);
    return fetch(url, options);
  };
  const headers = { authorization: `Bearer ${server.keys.service}` };
  const persisted = new PersistedQueryLink({ sha256, useGETForHashedQueries });
  const http = new HttpLink({ uri: server.url, headers, fetch: noted });
  const client = new ApolloClient({ cache: new InMemoryCache(), link: ApolloLink.from([persisted, http]) });
  const wallet = async (customerId) => {
    const { data } = await client.query({ query: WALLET, variables: { customerId }, fetchPolicy: "network-only" });
    return data.customerPromotions.nodes.map(({ code }) => code);
  };
  const link = (customerId, code) =>
    client.mutate({ mutation: LINK, variables: { input: { customerId, code, mode: "DISCOUNT" } } });
  return { sent, wallet, link, stop: () => client.stop() };
}

test("Apollo Client's automatic persisted queries", async (t) => {
  const server = await serve(["admin", "service"]);
  t.after(() => server.stop());
  await makeCodes(server, server.keys.admin, ["HASHED"]);

  await t.test("send the text once, with POST", async () => {
    const client = connect(server, false);
    assert.deepEqual(await client.wallet(7), []);
    assert.equal((await client.link(7, "hashed")).data.linkPromotionCode.code, "HASHED");
    assert.deepEqual(await client.wallet(7), ["HASHED"]);
    assert.deepEqual(client.sent, ["POST hash", "POST text", "POST hash", "POST text", "POST hash"]);
    client.stop();
  });

  await t.test("send only the hash, with GET", async () => {
    const client = connect(server, true);
    assert.deepEqual(await client.wallet(7), ["HASHED"]);
    assert.deepEqual(client.sent, ["GET hash"]);
    client.stop();
  });

  await t.test("send whole documents if the server does not accept automatic persisted queries", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "promolink-documents-"));
    t.after(() => rm(folder, { recursive: true }));
    const manifest = join(folder, "documents.json");
    await writeFile(manifest, "{}");
    const only = await serve(["service"], { PROMOLINK_DOCUMENTS: manifest, PROMOLINK_DOCUMENTS_ONLY: "true" });
    t.after(() => only.stop());
    const client = connect(only, false);
    await assert.rejects(client.wallet(7), ({ errors: [error] }) => error.extensions.code === "PERSISTED_DOCUMENT_REQUIRED");
    assert.deepEqual(client.sent, ["POST hash", "POST text"]);
    client.stop();
  });
});

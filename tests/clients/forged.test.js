// Cross-site request forgery: requests that another site's page can send from a visitor's browser without a CORS preflight.
// `promolink dev` requires no credential, so only the form of such a request distinguishes it from a legitimate one.

import assert from "node:assert/strict";
import http from "node:http";
import test from "node:test";

import { dev } from "./server.js";

const MUTATION = `mutation Forged { createCampaign(input: {
  name: "forged", mode: DISCOUNT, validTill: 4102444800000
}) { id } }`;
const BODY = JSON.stringify({ query: MUTATION });
const FORM = new URLSearchParams({ query: MUTATION, operationName: "Forged", variables: "{}" }).toString();

const parts = (fields) =>
  Object.entries(fields)
    .map(([name, value]) => `--cut\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .concat("--cut--\r\n")
    .join("");

const POSTS = [
  ["text/plain", "text/plain", BODY],
  ["text/plain that mentions application/json", "text/plain;application/json", BODY],
  ["text/plain with application/json as a parameter", "text/plain; charset=utf-8; a=application/json", BODY],
  ["application/x-www-form-urlencoded with a JSON body", "application/x-www-form-urlencoded", BODY],
  ["multipart/form-data with a JSON body", "multipart/form-data; boundary=cut", BODY],
  ["no content type", undefined, BODY],
  ["an empty content type", "", BODY],
  ["application/graphql", "application/graphql", MUTATION],
  ["a simple HTML form", "application/x-www-form-urlencoded", FORM],
  ["a simple HTML form of parts", "multipart/form-data; boundary=cut", parts({ query: MUTATION, variables: "{}" })],
  // graphql-multipart-request-spec, in which some servers accept files.
  ["a form with operations and map", "multipart/form-data; boundary=cut", parts({ operations: BODY, map: "{}" })],
  // enctype=text/plain sends name=value. A suitable name and value make that JSON.
  ["an HTML form that spells JSON", "text/plain", `${BODY.slice(0, -1)},"ignored":"=x"}\r\n`],
];

const GETS = [
  ["a mutation", { query: MUTATION }],
  ["the mutation of a document with a query", { query: `query Harmless { __typename } ${MUTATION}`, operationName: "Forged" }],
];

test("pages of other sites can't make a browser write", async (t) => {
  const server = await dev();
  t.after(() => server.stop());
  const before = await campaigns(server);

  for (const [name, type, body] of POSTS) {
    await t.test(`POST of ${name} is rejected and writes nothing`, async () => {
      const headers = type === undefined ? {} : { "content-type": type };
      const { status } = await send(server, "POST", server.url, headers, body);
      assert.equal(status, 415);
      assert.deepEqual(await campaigns(server), before);
    });
  }

  for (const [name, parameters] of GETS) {
    await t.test(`GET of ${name} is rejected and writes nothing`, async () => {
      const url = `${server.url}?${new URLSearchParams(parameters)}`;
      const { status, headers } = await send(server, "GET", url, { accept: "text/html,*/*;q=0.8" });
      assert.equal(status, 405);
      assert.match(headers.allow, /POST/);
      assert.deepEqual(await campaigns(server), before);
    });
  }

  await t.test("a POST with the parameters in its query string is rejected and writes nothing", async () => {
    const { status } = await send(server, "POST", `${server.url}?${FORM}`, { "content-type": "text/plain" }, "");
    assert.equal(status, 415);
    assert.deepEqual(await campaigns(server), before);
  });

  await t.test("the preflight of another site gets no permission to send JSON", async () => {
    const { headers } = await send(server, "OPTIONS", server.url, {
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    });
    assert.equal(headers["access-control-allow-origin"], undefined);
  });

  // Without this the tests above could pass because the mutation itself fails.
  await t.test("the same mutation writes when it is sent as documented", async () => {
    const { status } = await send(server, "POST", server.url, { "content-type": "application/json" }, BODY);
    assert.equal(status, 200);
    assert.equal((await campaigns(server)).length, before.length + 1);
  });
});

/** Sends a request as a browser does for another site's page. `fetch` would add a content type. */
function send(server, method, url, headers, body) {
  const origin = "https://elsewhere.example";
  const request = http.request(url, { method, headers: { origin, "sec-fetch-site": "cross-site", ...headers } });
  return new Promise((resolve, reject) => {
    request.on("error", reject).on("response", (response) => {
      response.resume().on("end", () => resolve({ status: response.statusCode, headers: response.headers }));
    });
    request.end(body);
  });
}

async function campaigns(server) {
  const response = await fetch(server.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: "{ campaigns(first: 100) { nodes { id name } } }" }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data.campaigns.nodes;
}

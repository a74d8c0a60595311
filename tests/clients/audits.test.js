// The audits of GraphQL over HTTP from graphql-http, required and optional.

import assert from "node:assert/strict";
import test from "node:test";
import { serverAudits } from "graphql-http";

import { dev } from "./server.js";

test("the server passes every audit of GraphQL over HTTP", async (t) => {
  const server = await dev();
  t.after(() => server.stop());
  const audits = serverAudits({ url: server.url });
  // A later version of the suite must not test less unnoticed.
  assert.equal(audits.length, 61);
  for (const { id, name, fn } of audits) {
    await t.test(`${id} ${name}`, async () => {
      const { status, reason, response } = await fn();
      if (status === "ok") return;
      // An audit that checks the body has read it already.
      const body = response.bodyUsed ? "(read)" : await response.text();
      assert.fail(`${reason}: got ${response.status}, ${response.headers.get("content-type")}, ${body}`);
    });
  }
});

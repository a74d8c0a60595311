// GraphQL over HTTP, as the audits of graphql-http have it: all of them, the optional ones too.

import assert from "node:assert/strict";
import test from "node:test";
import { serverAudits } from "graphql-http";

import { dev } from "./server.js";

test("the server passes every audit of GraphQL over HTTP", async (t) => {
  const server = await dev();
  t.after(() => server.stop());
  const audits = serverAudits({ url: server.url });
  // A later version of the suite must not quietly test less.
  assert.equal(audits.length, 61);
  for (const { id, name, fn } of audits) {
    await t.test(`${id} ${name}`, async () => {
      const { status, reason, response } = await fn();
      if (status === "ok") return;
      // An audit that went well into the body has read it.
      const body = response.bodyUsed ? "(read)" : await response.text();
      assert.fail(`${reason}: it is ${response.status}, ${response.headers.get("content-type")}, ${body}`);
    });
  }
});

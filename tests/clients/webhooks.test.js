// The receiver of docs/webhooks.md gets the events of a server, each once and in order.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";

import { makeCodes } from "./api.js";
import { readPages } from "./markdown.js";
import { serve } from "./server.js";

const LOCAL = { PROMOLINK_WEBHOOK_ALLOW: "127.0.0.0/8", PROMOLINK_WEBHOOK_ALLOW_HTTP: "on" };

test("the documented receiver", async (t) => {
  const page = (await readPages()).find(({ name }) => name === "docs/webhooks.md");
  const [{ code }] = page.blocks.filter(({ language }) => language === "js");
  // Beside the tests, so that it finds the package.
  const folder = await mkdtemp(new URL("receiver-", import.meta.url).pathname);
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "receiver.mjs"), code);
  const { receiver } = await import(join(folder, "receiver.mjs"));

  const server = await serve(["admin"], LOCAL);
  t.after(() => server.stop());
  const ask = async (query, variables) => {
    const response = await fetch(server.url, {
      method: "POST",
      headers: { authorization: `Bearer ${server.keys.admin}`, "content-type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    assert.equal(errors, undefined);
    return data;
  };
  const codes = Array.from({ length: 10 }, (_, number) => `CODE-${number}`);
  await makeCodes(server, server.keys.admin, codes);

  for (const batchSize of [1, 10]) {
    await t.test(`with batches of ${batchSize}`, async (t) => {
      const events = [];
      let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
      let listener = receiver(secret, (event) => events.push(event)).listen(0, "127.0.0.1");
      await once(listener, "listening");
      const { port } = listener.address();
      const create = `mutation($input: CreateWebhookEndpointInput!) {
        createWebhookEndpoint(input: $input) { secret endpoint { id } } }`;
      const input = { url: `http://127.0.0.1:${port}/`, eventTypes: ["PROMOTION_LINKED"], batchSize };
      const { createWebhookEndpoint: created } = await ask(create, { input });
      // From now on with the secret of the endpoint.
      listener.close();
      listener.closeAllConnections();
      secret = created.secret;
      listener = receiver(secret, (event) => events.push(event)).listen(port, "127.0.0.1");
      await once(listener, "listening");
      t.after(() => {
        listener.close();
        listener.closeAllConnections();
      });
      const customers = [1, 2, 3, 4, 5];
      for (const customerId of customers) {
        const link = "mutation($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }";
        await ask(link, { input: { customerId, code: codes.pop(), mode: "DISCOUNT" } });
      }
      await ask("mutation($id: ID!) { sendTestEvent(endpointId: $id) { id } }", { id: created.endpoint.id });
      const replay = "mutation($id: ID!) { replayEvents(endpointId: $id, afterPosition: 0) { id } }";
      for (let tries = 0; events.length < 5 && tries < 200; tries += 1) await new Promise((done) => setTimeout(done, 25));
      await ask(replay, { id: created.endpoint.id });
      await new Promise((done) => setTimeout(done, 600));
      assert.deepEqual(events.slice(-5).map(({ data }) => data.customerId), customers);
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
      await ask("mutation($id: ID!) { deleteWebhookEndpoint(id: $id) { id } }", { id: created.endpoint.id });
    });
  }
});

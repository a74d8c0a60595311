// GraphiQL in a real browser, served by a real server: everything works, and it loads nothing from other hosts.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";

import { browse, openGraphiql, play, screenshot, type } from "./browser.js";
import { dev, serve } from "./server.js";

const FIELDS = [
  ["id", "orgId", "promotionId", "promotionName", "code", "customerId"],
  ["active", "createdOn", "validTill", "mode", "redeemableFrom"],
].flat();

const TABS = ["Link", "Check", "Codes", "Wallet", "Redeem", "Campaign", "Generate", "Change", "History"];

const QUERY = ".graphiql-query-editor";
const VARIABLES = "section[aria-label='Variables']";
const HEADERS = "section[aria-label='Headers']";
const RESULT = ".result-window";

const origin = (server) => new URL(server.url).origin;

/** The displayed result. The editor displays spaces as no-break spaces. */
const shown = async (page) => (await page.locator(`${RESULT} .view-lines`).innerText()).replaceAll("\u00a0", " ");

const tab = (page, name) => page.locator(".graphiql-tab-button", { hasText: name });

/** Whether the whole element is inside the viewport, and no ancestor hides a part of it. */
const visible = (locator) =>
  locator.evaluate(async (element) => {
    const [entry] = await new Promise((resolve) => new IntersectionObserver(resolve).observe(element));
    return entry.intersectionRatio === 1;
  });

/** The displayed lines of an editor, and whether each of them ends inside the editor. */
async function linesOf(page, editor) {
  await page.locator(`${editor} .view-line:visible > span`).first().waitFor();
  // The editor replaces its lines from time to time, so they are read together.
  const lines = await page.locator(editor).evaluate((section) => {
    const shown = [...section.querySelectorAll(".view-lines")].find((lines) => lines.offsetParent);
    const edge = shown.closest(".editor-scrollable").getBoundingClientRect().right;
    return [...shown.querySelectorAll(".view-line > span")]
      .map((span) => ({ text: span.textContent, box: span.getBoundingClientRect() }))
      .sort((a, b) => a.box.top - b.box.top)
      .map(({ text, box }) => ({ text: text.replaceAll("\u00a0", " "), fits: box.right <= edge }));
  });
  return { texts: lines.map((line) => line.text), fit: lines.every((line) => line.fits) };
}

async function loaded(page) {
  await page.locator(`${QUERY} .view-lines`).waitFor();
  await page.locator(`${QUERY} .mtk1, ${QUERY} .mtk2, ${QUERY} .mtk3`).first().waitFor();
}

test("GraphiQL", async (t) => {
  const browser = await browse();
  t.after(() => browser.close());
  const server = await dev();
  t.after(() => server.stop());

  await t.test("opens with a mutation that works, and loads nothing from other hosts", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/`);
    assert.equal(new URL(page.url()).pathname, "/graphiql");
    await loaded(page);
    const { data } = await play(page);
    assert.deepEqual(Object.keys(data.linkPromotionCode), FIELDS);
    await page.locator(RESULT).getByText("redeemableFrom").waitFor();
    for (const field of FIELDS) assert.ok((await shown(page)).includes(`"${field}"`), field);
    assert.match((await linesOf(page, VARIABLES)).texts.join("\n"), /"customerId": 42/);
    assert.equal(await page.locator(HEADERS).count(), 0);
    await screenshot(page, "graphiql-light");
    assert.deepEqual(wrong, []);
  });

  await t.test("has a tab for each main task, which works on the demo data", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server), { colorScheme: "dark" });
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    const answers = {};
    assert.deepEqual(await page.locator(".graphiql-tab-button").allInnerTexts(), TABS);
    for (const name of TABS) {
      await tab(page, name).click();
      await page.locator(QUERY).getByText(name, { exact: true }).first().waitFor();
      const { data, errors } = await play(page, name);
      assert.equal(errors, undefined, name);
      answers[name] = data;
    }
    assert.deepEqual(answers.Codes.promotionCodes.map((code) => code?.code ?? null), ["SUMMER-0001", "WELCOME", null]);
    assert.equal(answers.Check.checkPromotionCode.offer.title, "10 % off your first order");
    assert.equal(answers.Wallet.customerPromotions.nodes[0].code, "SUMMER-0001");
    assert.equal(answers.Campaign.createCampaign.offer.title, "5 euros off");
    assert.equal(answers.Generate.generatePromotionCodes.campaign.name, "Summer sale: 20 % off");
    assert.equal(answers.Generate.generatePromotionCodes.codes.length, 5);
    assert.equal(answers.Change.updateCampaign.offer.title, "25 % off the summer collection");
    assert.ok(answers.History.events.nodes.some((event) => event.type === "PROMOTION_LINKED"));
    assert.equal(answers.Redeem.redeemPromotion.promotion.state, "REDEEMED");
    await tab(page, "Redeem").click();
    await page.locator(RESULT).getByText('"REDEEMED"').waitFor();
    await screenshot(page, "graphiql-dark");
    assert.deepEqual(wrong, []);
  });

  await t.test("adds codes to the campaign that was created", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    await tab(page, "Campaign").click();
    const { id, name } = (await play(page, "Campaign")).data.createCampaign;
    await tab(page, "Generate").click();
    await page.locator(QUERY).getByText("Generate", { exact: true }).waitFor();
    await type(page, VARIABLES, JSON.stringify({ input: { campaignId: id, count: 2 } }));
    const { campaign, codes } = (await play(page, "Generate")).data.generatePromotionCodes;
    assert.deepEqual([campaign.name, codes.length], [name, 2]);
    assert.deepEqual(wrong, []);
  });

  await t.test("displays the operations and the headers without wrapped or cut lines", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    for (const name of TABS) {
      await tab(page, name).click();
      await page.locator(QUERY).getByText(name, { exact: true }).first().waitFor();
      const sent = page.waitForRequest((request) => request.postDataJSON()?.operationName === name);
      await play(page, name);
      const { query } = (await sent).postDataJSON();
      const { texts, fit } = await linesOf(page, QUERY);
      assert.deepEqual(texts, query.split("\n").slice(0, texts.length), name);
      assert.ok(texts[0].startsWith("# ") && fit, name);
    }
    await page.getByRole("button", { name: "Headers", exact: true }).click();
    await page.locator(`${HEADERS} .view-line:visible`).nth(5).waitFor();
    const { texts, fit } = await linesOf(page, HEADERS);
    assert.deepEqual([texts[0], texts[4], texts[5], fit], ["{", '  "authorization": ""', "}", true]);
    assert.deepEqual(wrong, []);
  });

  await t.test("shows what an error is, and large numbers exactly", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    await type(page, VARIABLES, '{ "input": { "customerId": 42, "code": "NO-SUCH-CODE", "mode": "DISCOUNT" } }');
    await play(page);
    await page.locator(RESULT).getByText("CODE_NOT_FOUND").waitFor();
    await type(page, VARIABLES, '{ "input": { "customerId": 9007199254740991, "code": "HELLO", "mode": "DISCOUNT" } }');
    await play(page);
    await page.locator(RESULT).getByText("9007199254740991").waitFor();
    assert.deepEqual(wrong, []);
  });

  await t.test("completes names, describes fields, and builds operations by clicking", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);

    await page.getByLabel("Show Documentation Explorer").click();
    const docs = page.locator(".graphiql-plugin");
    await docs.getByText("Mutation", { exact: true }).click();
    await docs.getByRole("link", { name: "linkPromotionCode", exact: true }).click();
    await docs.getByText("CODE_ALREADY_LINKED").first().waitFor();

    await type(page, QUERY, "{ ");
    await page.keyboard.type("customerP");
    const suggestion = page.locator(".suggest-widget .monaco-list-row", { hasText: "customerPromotions" });
    await suggestion.waitFor();
    await page.keyboard.press("Enter");
    await page.locator(QUERY).getByText("customerPromotions").waitFor();

    await page.getByLabel("Show GraphiQL Explorer").click();
    await type(page, QUERY, "{ __typename }");
    await page.locator(".graphiql-explorer-root").getByText("campaigns", { exact: true }).click();
    await page.locator(QUERY).getByText("campaigns").waitFor();
    await screenshot(page, "graphiql-explorer");
    assert.deepEqual(wrong, []);
  });

  await t.test("creates a campaign by clicking, and offers no fields of gateways", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    await page.getByLabel("Show GraphiQL Explorer").click();
    const explorer = page.locator(".graphiql-explorer-root");
    await type(page, QUERY, "query Find { __typename }");
    await explorer.getByText("campaigns", { exact: true }).waitFor();
    assert.deepEqual(await explorer.getByText(/^_(entities|service)$/).allInnerTexts(), []);

    await type(page, QUERY, "mutation Create { __typename }");
    await explorer.getByText("createCampaign", { exact: true }).click();
    const input = (name) => explorer.locator(`[data-arg-name="${name}"] input`);
    await input("name").fill("Spring");
    await input("validTill").fill("4070908800000");
    await explorer.getByText("id", { exact: true }).click();
    const { data } = await play(page, "Create");
    assert.ok(data.createCampaign.id);
    await input("validTill").fill("2099-01-01T00:00:00");
    assert.match((await play(page, "Create")).errors[0].message, /^validTill must have a time zone/);
    await input("validTill").fill("2099-01-01T00:00:00Z");
    assert.ok((await play(page, "Create")).data.createCampaign.id);
    assert.deepEqual(wrong, []);
  });

  await t.test("may be called by pages of loopback origins only", async () => {
    const pages = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>A page</p>"));
    await once(pages.listen(0, "localhost"), "listening");
    t.after(() => pages.close());
    const page = await (await browser.newContext()).newPage();
    const ask = (url) =>
      fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: "{ __typename }" }),
      }).then((response) => response.json(), (error) => error.name);
    const { port } = pages.address();
    await page.goto(`http://localhost:${port}/`);
    assert.deepEqual(await page.evaluate(ask, server.url), { data: { __typename: "Query" } });
    // The browser resolves this name to loopback as well, but it is not a loopback origin.
    await page.goto(`http://shop.localhost:${port}/`);
    assert.equal(await page.evaluate(ask, server.url), "TypeError");
  });

  await t.test("fits on a phone", async () => {
    const { page, wrong } = await openGraphiql(browser, origin(server), { viewport: { width: 400, height: 800 } });
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    await play(page);
    await page.locator(RESULT).getByText("promotionName").waitFor();
    for (const name of TABS) assert.ok(await visible(tab(page, name)), name);
    for (const editor of [QUERY, VARIABLES, RESULT]) assert.ok((await linesOf(page, editor)).fit, editor);
    const [editors, result] = await Promise.all([page.locator(QUERY), page.locator(RESULT)].map((it) => it.boundingBox()));
    assert.ok(editors.width > 280 && result.width > 280, JSON.stringify([editors, result]));
    assert.ok(result.y >= editors.y + editors.height, "the result is below the editors");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 400);
    await screenshot(page, "graphiql-phone");
    assert.deepEqual(wrong, []);
  });

  await t.test("caches files that never change, and revalidates the page", async () => {
    const page = await fetch(`${origin(server)}/graphiql`);
    assert.equal(page.headers.get("cache-control"), "no-cache");
    const etag = page.headers.get("etag");
    const again = await fetch(`${origin(server)}/graphiql`, { headers: { "if-none-match": `"other", ${etag}` } });
    assert.deepEqual([again.status, await again.text()], [304, ""]);
    const [, name] = /src="\.\/(graphiql\/[^"]+)"/.exec(await page.text());
    const texts = [];
    for (const [encoding, expected] of [["gzip", "gzip"], ["identity", null], ["gzip;q=0", null]]) {
      const file = await fetch(`${origin(server)}/${name}`, { headers: { "accept-encoding": encoding } });
      assert.equal(file.headers.get("content-encoding"), expected);
      assert.equal(file.headers.get("cache-control"), "public, max-age=31536000, immutable");
      assert.equal(file.headers.get("content-type"), "text/javascript; charset=utf-8");
      texts.push(await file.text());
    }
    assert.ok(texts.every((text) => text === texts[0]));
    assert.equal((await fetch(`${origin(server)}/graphiql/no-such-file.js`)).status, 404);
  });
});

test("GraphiQL of a server that requires a credential", async (t) => {
  const browser = await browse();
  t.after(() => browser.close());
  const server = await serve(["service"], { PROMOLINK_GRAPHIQL: "on" });
  t.after(() => server.stop());
  const key = server.keys.service;

  await t.test("opens with the headers, which say what to type", async () => {
    const { page } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    const { texts, fit } = await linesOf(page, HEADERS);
    assert.match(texts[1], /Type a service or admin key or a customer token/);
    assert.match(texts[2], /"authorization": "Bearer plk_\.\.\."/);
    assert.ok(fit);
    assert.equal(await page.locator(VARIABLES).count(), 0);
    await screenshot(page, "graphiql-credential");
  });

  await t.test("takes it in one tab for all, and stores it only if the settings say so", async () => {
    const { page } = await openGraphiql(browser, origin(server));
    await page.goto(`${origin(server)}/graphiql`);
    await loaded(page);
    assert.equal((await play(page)).errors[0].extensions.code, "UNAUTHENTICATED");
    const schema = page.waitForResponse(
      (response) => response.status() === 200 && response.request().postData()?.includes("__schema"),
    );
    await type(page, HEADERS, JSON.stringify({ authorization: key }));
    await schema;
    assert.equal((await play(page)).errors[0].extensions.code, "CODE_NOT_FOUND");
    await tab(page, "Wallet").click();
    await page.locator(QUERY).getByText("Wallet", { exact: true }).waitFor();
    assert.deepEqual((await play(page, "Wallet")).data.customerPromotions.nodes, []);
    const kept = () => page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    // Typed text is stored after a moment.
    await page.waitForTimeout(1500);
    assert.ok(!(await kept()).includes(key));

    await page.getByLabel("Open settings dialog").click();
    await page.getByRole("button", { name: "On", exact: true }).click();
    await page.keyboard.press("Escape");
    await tab(page, "Link").click();
    await page.waitForFunction((key) => JSON.stringify({ ...localStorage }).includes(key), key);
    await page.reload();
    await loaded(page);
    await page.locator(VARIABLES).waitFor();
    await tab(page, "Link").first().click();
    assert.equal((await play(page)).errors[0].extensions.code, "CODE_NOT_FOUND");
  });

  await t.test("is off by default", async () => {
    const plain = await serve([]);
    t.after(() => plain.stop());
    for (const path of ["/", "/graphiql"]) assert.equal((await fetch(`${origin(plain)}${path}`)).status, 404);
  });
});

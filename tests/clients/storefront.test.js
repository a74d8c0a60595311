// examples/storefront in a real browser: what a shopper sees and does.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import test from "node:test";

import { call } from "./api.js";
import { browse, screenshot } from "./browser.js";
import { PROGRAM } from "./server.js";

const FOLDER = new URL("../../examples/storefront/", import.meta.url);
const TYPES = { ".html": "text/html", ".js": "text/javascript" };
const ATTACK = `<img src="x" onerror="window.executed = true"><script>window.executed = true</script>`;
const UNUSABLE = "This code can't be used. Check the spelling, or try another code.";

/** Serves the example, as any static file server does, with the address of this API. */
async function serveFolder(api) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const name = pathname === "/" ? "index.html" : pathname.slice(1);
    response.setHeader("content-type", TYPES[extname(name)] ?? "text/plain");
    const text = await readFile(new URL(name, FOLDER), "utf8");
    response.end(text.replace("http://127.0.0.1:8080/graphql", api));
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  return server;
}

/** Starts `promolink dev` on a database that it keeps when it is started again. */
async function dev(folder, role) {
  const environment = { PATH: process.env.PATH, DATABASE_URL: `sqlite:${join(folder, "test.db")}` };
  const child = spawn(PROGRAM, ["dev", "--as", role, "--listen", "127.0.0.1:0"], { env: environment });
  child.stderr.resume();
  const ended = once(child, "exit");
  let text = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const url = /http:\S+\/graphql/.exec(text)?.[0];
    if (!url) continue;
    child.stdout.resume();
    return { url, stop: () => (child.kill(), ended) };
  }
  throw new Error(`the server ended: ${text}`);
}

/** Creates a campaign whose offer tries to execute a script, with the code ATTACK. */
async function attack(server) {
  const define = "mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { id } }";
  const image = `https://images.shop.example/"onerror="window.executed=true`;
  const offer = { title: ATTACK, description: ATTACK, imageUrl: image, benefit: { kind: "OTHER" } };
  const input = { name: ATTACK, mode: "DISCOUNT", validTill: "2099-12-31T23:59:59Z", offer };
  const campaignId = (await call(server, undefined, define, { input })).data.createCampaign.id;
  const add = "mutation($input: ImportPromotionCodesInput!) { importPromotionCodes(input: $input) { imported } }";
  const { data } = await call(server, undefined, add, { input: { campaignId, codes: ["ATTACK"] } });
  assert.equal(data.importPromotionCodes.imported, 1);
}

test("the storefront example", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "promolink-storefront-"));
  t.after(() => rm(folder, { recursive: true }));
  const admin = await dev(folder, "admin");
  await attack(admin).finally(() => admin.stop());
  const server = await dev(folder, "customer:42");
  t.after(() => server.stop());
  const files = await serveFolder(server.url);
  t.after(() => files.close());
  const browser = await browse();
  t.after(() => browser.close());

  const address = `http://localhost:${files.address().port}/`;
  const page = await browser.newPage();
  await page.route("https://images.shop.example/**", (route) => route.abort());
  const thrown = [];
  page.on("pageerror", (error) => thrown.push(error));
  const sent = [];
  page.on("request", (request) => request.url() === server.url && request.method() === "POST" && sent.push(request.postDataJSON()));

  const says = (text) => page.getByRole("status").getByText(text, { exact: true }).waitFor();
  const wallet = page.getByRole("list", { name: "Promotions" }).getByRole("listitem");
  const add = page.getByRole("button", { name: "Add to my promotions" });
  const check = async (code, mode = "Discount") => {
    await page.getByLabel("Code").fill(code);
    await page.getByLabel("Kind").selectOption(mode);
    await page.getByRole("button", { name: "Check" }).click();
  };
  const open = async () => {
    await page.goto(address);
    await page.locator("body[aria-busy=false]").waitFor();
  };

  await t.test("starts with an empty wallet", async () => {
    await open();
    assert.equal(await wallet.count(), 0);
  });

  await t.test("shows the offer of a code, and links it", async () => {
    await check("summer-0001");
    await says("This code is valid.");
    await page.getByRole("region", { name: "Offer" }).getByText("20 % off the summer collection").waitFor();
    await screenshot(page, "storefront-offer");
    await add.click();
    await says("The promotion was added.");
    assert.match(await wallet.innerText(), /20 % off the summer collection[^]*SUMMER-0001 · Until/);
    assert.equal(await page.getByRole("link", { name: "Terms" }).getAttribute("href"), "https://shop.example.com/terms");
    await check("SUMMER-0001");
    await says("You already have this promotion.");
    assert.equal(await add.isVisible(), false);
  });

  await t.test("links gift vouchers, and codes that can be redeemed later", async () => {
    for (const [code, mode] of [["gift-0001", "Gift voucher"], ["WINTER", "Discount"]]) {
      await check(code, mode);
      await add.click();
      await says("The promotion was added.");
    }
    assert.match(await wallet.first().innerText(), /WINTER · From .+ to /);
    await open();
    await page.getByText("GIFT-0001").waitFor();
    assert.equal(await wallet.count(), 3);
    await screenshot(page, "storefront-wallet");
  });

  await t.test("says why a code can't be added", async () => {
    for (const code of ["NO-SUCH-CODE", "BYGONE-0001", "GIFT-0002"]) {
      await check(code);
      await says(UNUSABLE);
    }
    await check(" ");
    await says("Enter a code of 1 to 64 characters.");
    const before = sent.length;
    await check("");
    assert.equal(await page.getByLabel("Code").evaluate((input) => input.validity.valueMissing), true);
    assert.equal(sent.length, before, "the browser requires a code");
  });

  await t.test("sends a code once if the form is submitted twice", async () => {
    const before = sent.length;
    await page.getByLabel("Code").fill("welcome");
    await page.locator("form").evaluate((form) => [1, 2].forEach(() => form.requestSubmit()));
    await says("This code is valid.");
    assert.equal(sent.length, before + 1);
    await add.evaluate((button) => [1, 2].forEach(() => button.click()));
    await says("The promotion was added.");
    assert.equal(sent.filter(({ query }) => query.includes("linkPromotionCode(")).length, 4);
    assert.equal(await wallet.count(), 4);
  });

  await t.test("shows HTML of an offer as text", async () => {
    await check("ATTACK");
    await page.getByRole("heading", { name: ATTACK }).waitFor();
    await add.click();
    await says("The promotion was added.");
    assert.equal(await wallet.first().getByRole("heading").innerText(), ATTACK);
    assert.equal(await wallet.first().getByRole("img").getAttribute("alt"), ATTACK);
    assert.equal(await page.evaluate(() => window.executed), undefined);
  });

  await t.test("says that the API can't be reached", async () => {
    await server.stop();
    await check("SUMMER-0002");
    await says("We can't reach the shop. Check your connection and try again.");
    assert.deepEqual(thrown, []);
  });
});

// What the README shows works as it stands there, but for the server's address.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import test from "node:test";
import { promisify } from "node:util";

import { dev } from "./server.js";

const path = (name) => new URL(name, import.meta.url).pathname;

test("the README's first link", async (t) => {
  const server = await dev();
  t.after(() => server.stop());
  const readme = await readFile(path("../../README.md"), "utf8");
  const section = readme.split("## A first link\n")[1].split("\n## ")[0];
  const block = (language) =>
    section.split(`\`\`\`${language}\n`)[1].split("\n```")[0].replaceAll("http://127.0.0.1:8080/graphql", server.url);

  await t.test("by curl", async () => {
    const { stdout } = await promisify(execFile)("sh", ["-c", `${block("sh")} --silent`]);
    const { data } = JSON.parse(stdout);
    assert.deepEqual([data.linkPromotionCode.code, data.linkPromotionCode.customerId], ["SUMMER-0001", 42]);
  });

  await t.test("from a JavaScript app", async () => {
    await mkdir(path("generated"), { recursive: true });
    await writeFile(path("generated/readme.js"), block("js"));
    const { linkPromotionCode } = await import("./generated/readme.js");
    const promotion = await linkPromotionCode("no credential is needed", 42, "summer-0001");
    assert.equal(promotion.promotionName, "Summer sale: 20 % off");
    await assert.rejects(linkPromotionCode("", 43, "SUMMER-0001"), { code: "CODE_ALREADY_LINKED", retryable: false });
  });
});

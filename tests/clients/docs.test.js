// Checks the documentation: runs its commands and snippets, follows its links, and compares its tables with the program.

import assert from "node:assert/strict";
import { access, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import test from "node:test";

import { buildSchema } from "graphql";

import { openSession } from "./documentation/session.js";
import { readPages } from "./markdown.js";

const ROOT = new URL("../../", import.meta.url).pathname;

/** The number of blocks that need something that tests do not have, such as Docker. Each block says what. */
const NOT_RUN = 12;

const pages = await readPages();
const page = (name) => pages.find((page) => page.name === name);

for (const page of pages.filter(({ blocks }) => blocks.length > 0)) {
  test(`the snippets of ${page.name} work`, async (t) => {
    const session = await openSession(page);
    t.after(() => session.close());
    const isVariables = (block) => block && "variables" in block.attributes;
    for (const [index, block] of page.blocks.entries()) {
      const { language, attributes, code, line } = block;
      if (isVariables(block)) continue;
      if ("not-run" in attributes) {
        assert.ok(attributes["not-run"].length > 10, `${page.name}:${line} says why it is not run`);
        continue;
      }
      await t.test(`line ${line}, ${language}`, async () => {
        if ("response" in attributes) return session.compareResponse(code);
        const next = page.blocks[index + 1];
        await session.take(block, isVariables(next) ? next.code : undefined);
      });
    }
  });
}

test("only known blocks are not run", () => {
  const count = pages.flatMap(({ blocks }) => blocks).filter(({ attributes }) => "not-run" in attributes).length;
  assert.equal(count, NOT_RUN);
});

test("relative links lead to files and headings that exist", async () => {
  const broken = [];
  for (const { name, links } of pages) {
    for (const link of links.filter((link) => !/^[a-z]+:/.test(link))) {
      const [path, anchor] = link.split("#");
      const target = path === "" ? name : normalize(join(dirname(name), path));
      const exists = await access(join(ROOT, target)).then(() => true, () => false);
      const anchors = page(target)?.anchors;
      if (!exists || (anchor !== undefined && !anchors?.includes(anchor))) broken.push(`${name}: ${link}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("README.md fits on a few screens", () => {
  assert.ok(page("README.md").text.split("\n").length <= 151);
});

test("variables and metrics that pages name are documented", async () => {
  const variables = page("docs/configuration.md").text;
  const metrics = page("docs/observability.md").text.split("\n").filter((line) => line.startsWith("| `promolink_")).join();
  const files = await Promise.all(["Dockerfile", "deploy/promolink.service"].map((name) => readFile(join(ROOT, name), "utf8")));
  for (const text of [...pages.map(({ text }) => text), ...files]) {
    for (const [name] of text.matchAll(/\bPROMOLINK_[A-Z_]+/g)) {
      assert.ok(variables.includes(`\`${name}\``) || name === "PROMOLINK_KEY", name);
    }
    for (const [name] of text.matchAll(/\bpromolink_(?!owner\b)[a-z_]+/g)) {
      assert.ok(metrics.includes(`\`${name.replace(/_(bucket|sum|count)$/, "")}\``), name);
    }
  }
});

test("docs/errors.md has every error code", async () => {
  const schema = buildSchema(await readFile(join(ROOT, "schema.graphql"), "utf8"));
  const codes = schema.getType("ErrorCode").getValues().map(({ name }) => name);
  assert.deepEqual(codes.filter((code) => !page("docs/errors.md").text.includes(`\`${code}\``)), []);
});

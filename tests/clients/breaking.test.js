// The schema has no unintended breaking changes. Intended ones are listed in breaking-changes.json, with their reasons.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { promisify } from "node:util";

import { buildSchema, findBreakingChanges } from "graphql";

const path = (name) => new URL(name, import.meta.url).pathname;

const git = async (...args) => (await promisify(execFile)("git", args, { cwd: path("../..") })).stdout.trim();

/** The schema of the last release. Before the first release, the schema before its last change. */
async function before(current) {
  const tag = await git("describe", "--tags", "--abbrev=0", "--match", "v*").catch(() => undefined);
  const commits = tag ? [tag] : (await git("log", "--format=%H", "--", "schema.graphql")).split("\n").filter(Boolean);
  for (const commit of commits) {
    const text = await git("show", `${commit}:schema.graphql`);
    if (tag || text !== current.trim()) return { commit, text };
  }
  return undefined;
}

const breaking = (before, after) =>
  findBreakingChanges(buildSchema(before), buildSchema(after)).map(({ description }) => description);

test("breaking changes are detected", () => {
  const type = (fields) => `type Query { ${fields} }`;
  assert.deepEqual(breaking(type("a: Int b: Int"), type("a: Int")), ["Query.b was removed."]);
  assert.deepEqual(breaking(type("a(x: Int): Int"), type("a(x: Int!): Int")).length, 1);
  assert.deepEqual(breaking(type("a: Int"), type("a: Int! b: Int")), []);
});

test("the schema has no unintended breaking change", async (t) => {
  const current = await readFile(path("../../schema.graphql"), "utf8");
  const known = await before(current).catch((error) => t.diagnostic(`git does not answer: ${error.message}`));
  if (!known) return t.skip("there is no earlier schema to compare with: is this a clone with its history?");
  t.diagnostic(`compared with ${known.commit}`);
  const meant = JSON.parse(await readFile(path("breaking-changes.json"), "utf8"));
  const unawares = breaking(known.text, current).filter((change) => !(change in meant));
  assert.deepEqual(unawares, [], "list intended changes in tests/clients/breaking-changes.json, with their reasons");
});

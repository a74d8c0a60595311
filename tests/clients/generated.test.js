// What clients generate from the schema: the schema is fit for it, and what comes out works.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import test from "node:test";
import { promisify } from "node:util";

import { generate } from "@graphql-codegen/cli";
import * as eslintGraphql from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";

import { makeCodes } from "./api.js";
import { serve } from "./server.js";

const path = (name) => new URL(name, import.meta.url).pathname;
const SCHEMA = path("../../schema.graphql");
const FOLDER = path("generated/");

// Types that are no things of their own, and so have no id; a code is known by its text and mode.
const WITHOUT_ID = {
  suffixes: ["Connection", "Edge", "Error", "PageInfo", "Result"],
  types: ["PromotionCode"],
};

// These names are the API's first promise.
const PREFIXED = ['Field "promotionId" starts with', 'Field "promotionName" starts with'];

test("the schema keeps the recommended rules of graphql-eslint", async () => {
  const { configs, parser } = eslintGraphql.default ?? eslintGraphql;
  const rules = {
    ...configs["flat/schema-recommended"].rules,
    "@graphql-eslint/strict-id-in-types": ["error", { exceptions: WITHOUT_ID }],
    "@graphql-eslint/require-description": [
      "error",
      { types: true, rootField: true, FieldDefinition: true, InputValueDefinition: false, EnumValueDefinition: true },
    ],
  };
  assert.ok(Object.keys(rules).length > 15);
  const eslint = new ESLint({
    cwd: path("../.."),
    overrideConfigFile: true,
    overrideConfig: {
      files: ["**/*.graphql"],
      languageOptions: { parser, parserOptions: { graphQLConfig: { schema: SCHEMA } } },
      plugins: { "@graphql-eslint": eslintGraphql.default ?? eslintGraphql },
      rules,
    },
  });
  const [{ messages }] = await eslint.lintFiles([SCHEMA]);
  const others = messages.filter(({ message }) => !PREFIXED.some((known) => message.startsWith(known)));
  assert.deepEqual(others.map(({ line, message }) => `${line}: ${message}`), []);
});

test("generated TypeScript links a code", async (t) => {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER);
  await copyFile(path("link.ts"), `${FOLDER}link.ts`);
  const manifest = `${FOLDER}gql/persisted-documents.json`;

  await t.test("by graphql-codegen's client preset, with strict scalars", async () => {
    await generate({
      schema: SCHEMA,
      documents: `${FOLDER}link.ts`,
      silent: true,
      importExtension: ".js",
      generates: {
        [`${FOLDER}gql/`]: {
          preset: "client",
          presetConfig: { persistedDocuments: { hashAlgorithm: "sha256" } },
          config: { documentMode: "string", strictScalars: true, scalars: { Long: "number", Timestamp: "number" }, useTypeImports: true },
        },
      },
    });
    assert.match(await readFile(`${FOLDER}gql/graphql.ts`, "utf8"), /customerId: number/);
  });

  await t.test("that the compiler accepts", async () => {
    const compilerOptions = {
      module: "nodenext",
      target: "es2022",
      strict: true,
      skipLibCheck: true,
      types: [],
      lib: ["es2022", "dom"],
      outDir: "js",
      rootDir: ".",
    };
    await writeFile(`${FOLDER}tsconfig.json`, JSON.stringify({ compilerOptions, include: ["**/*.ts"] }));
    await promisify(execFile)(path("node_modules/.bin/tsc"), ["--project", FOLDER]).catch(({ stdout }) => assert.fail(stdout));
  });

  const server = await serve(["admin", "service"], { PROMOLINK_DOCUMENTS: manifest, PROMOLINK_DOCUMENTS_ONLY: "true" });
  t.after(() => server.stop());
  await makeCodes(server, server.keys.admin, ["TYPED", "LARGEST"]);
  const { linkPromotionCode } = await import("./generated/js/link.js");
  const client = { url: server.url, credential: server.keys.service };

  await t.test("and that works, by the ids of its persisted documents alone", async () => {
    const promotion = await linkPromotionCode(client, { customerId: 42, code: "typed", mode: "DISCOUNT" });
    assert.deepEqual([promotion.code, promotion.customerId, promotion.active], ["TYPED", 42, true]);
  });

  await t.test("with errors that programs can read", async () => {
    const link = linkPromotionCode(client, { customerId: 43, code: "TYPED", mode: "DISCOUNT" });
    await assert.rejects(link, { code: "CODE_ALREADY_LINKED", retryable: false });
  });

  await t.test("and with the largest number exact", async () => {
    const customerId = Number.MAX_SAFE_INTEGER;
    const promotion = await linkPromotionCode(client, { customerId, code: "LARGEST", mode: "DISCOUNT" });
    assert.equal(promotion.customerId, 9007199254740991);
    const larger = linkPromotionCode(client, { customerId: customerId + 1, code: "LARGEST", mode: "DISCOUNT" });
    await assert.rejects(larger, { code: "INVALID_INPUT", field: "customerId" });
  });
});

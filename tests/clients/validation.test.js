// Sends random valid and invalid documents. The server must accept exactly those that graphql-js accepts.

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import test from "node:test";
import { isDeepStrictEqual } from "node:util";

import { Kind, parse, print } from "graphql";

import { makeDocument } from "./documents.js";
import { spoil } from "./faults.js";
import { Random } from "./random.js";
import { judge, readSchema } from "./reference.js";
import { dev } from "./server.js";
import { join, misspell, tokensOf } from "./spelling.js";
import { makeVariables } from "./values.js";

// PROMOLINK_SEED repeats a run. PROMOLINK_EXAMPLES=500 makes a thorough one.
const SEED = Number(process.env.PROMOLINK_SEED ?? randomInt(2 ** 31));
const DOCUMENTS = 30 * Number(process.env.PROMOLINK_EXAMPLES ?? "100");

/** The number of concurrent requests. */
const CONCURRENCY = 8;
/** The number of failures to show. */
const SHOWN = 10;

/** Messages with which the server may reject a document that graphql-js accepts. */
const KNOWN = [
  // apollo-compiler validates a list literal for a scalar as a list of that scalar. No list is a Long or a Timestamp, so the
  // document fails in any case. Gateways send _Any values as variables, which are not affected.
  /^Expected value of type (Long|Timestamp|_Any)!, found null\.$/,
];

test("the documents that are accepted are those that graphql-js accepts", async (t) => {
  const schema = await readSchema();
  const server = await dev();
  t.after(() => server.stop());
  t.diagnostic(`PROMOLINK_SEED=${SEED}`);
  const counts = {};
  const failures = [];
  const seeds = new Random(SEED);
  let left = DOCUMENTS;
  const work = async () => {
    while (left-- > 0) {
      const { fault, outcome, failure } = await compare(server, schema, new Random(seeds.below(2 ** 32)));
      counts[fault] ??= { accepted: 0, rejected: 0, limited: 0, failed: 0 };
      counts[fault][outcome]++;
      if (failure) failures.push(failure);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));

  console.table(Object.fromEntries(Object.entries(counts).sort()));
  assert.ok(!failures.length, `${failures.length} documents failed\n\n${failures.slice(0, SHOWN).join("\n\n")}`);
  assert.equal(server.process.exitCode, null, "the server ended");
  const log = (await server.log()).split("\n");
  assert.deepEqual(log.filter((line) => /ERROR|panicked/.test(line)), []);
  const share = (outcome) => Object.values(counts).reduce((sum, count) => sum + count[outcome], 0) / DOCUMENTS;
  assert.ok(share("accepted") > 0.3 && share("rejected") > 0.3, "too few documents of one kind");
  assert.ok(share("limited") < 0.05, "too many documents exceed a limit");
});

/** Sends a random document twice. Compares the responses with the verdict of graphql-js and with each other. */
async function compare(server, schema, random) {
  const { fault, text, operationName } = makeExample(schema, random);
  const { errors, operation } = judge(schema, text);
  const request = {
    query: text,
    operationName: operation ? operation.name?.value : operationName,
    // A valid document is accepted even if its variables have no values.
    variables: !errors.length && random.chance(0.5) ? makeVariables(schema, random, operation) : {},
  };
  // The second time, an accepted document comes from the cache.
  const [first, second] = [await post(server, request), await post(server, request)];
  const outcome = outcomeOf(first);
  const failure = failureOf(outcome, errors, first, second);
  if (!failure) return { fault, outcome };
  const report = [
    `${failure}, with the fault: ${fault}`,
    text,
    `variables: ${JSON.stringify(request.variables)}`,
    `graphql-js: ${errors[0] ?? "accepted"}`,
    `Promolink: ${first.text}`,
  ];
  return { fault, outcome: "failed", failure: report.join("\n") };
}

/** A document with at most one fault, and the name of its first operation before the fault. */
function makeExample(schema, random) {
  const document = parse(makeDocument(schema, random), { noLocation: true });
  const operationName = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION).name?.value;
  const kind = random.pick(["none", "none", "of the document", "of the document", "of syntax"]);
  const fault = kind === "of the document" ? spoil(document, schema, random) : "none";
  const spelled = { fault, tokens: tokensOf(print(document), random) };
  const { tokens, ...example } = kind === "of syntax" ? misspell(spelled.tokens, random) : spelled;
  return { ...example, text: join(tokens, random), operationName };
}

/** Sends a request. Documents with mutations are sent with GET, which does not execute them, so that responses stay the same. */
async function post(server, request) {
  const response = /mutation/.test(request.query)
    ? await fetch(`${server.url}?${parameters(request)}`, { headers: { accept: "application/json" } })
    : await fetch(server.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request),
      });
  const text = await response.text();
  return { status: response.status, text, body: parsed(text) };
}

function parameters({ query, operationName, variables }) {
  return new URLSearchParams({ query, ...(operationName && { operationName }), variables: JSON.stringify(variables) });
}

/** The value of a JSON text, or undefined if it is not JSON. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function outcomeOf({ status, body }) {
  const codes = (body?.errors ?? []).map(({ extensions }) => extensions?.code);
  if (!body || status >= 500 || codes.includes("INTERNAL") || codes.includes(undefined)) return "broken";
  if (codes.includes("LIMIT_EXCEEDED")) return "limited";
  return codes.includes("GRAPHQL_PARSE_FAILED") || codes.includes("GRAPHQL_VALIDATION_FAILED") ? "rejected" : "accepted";
}

/** The first text with the times of the second where these are little later: a code that is checked would be linked now. */
function withTimesOf(second, first) {
  const times = second.match(TIME) ?? [];
  return first.replace(TIME, (millis) => {
    const later = times.shift();
    return Math.abs(millis - later) < 60_000 ? later : millis;
  });
}

const TIME = /\b\d{13}\b/g;

const dataOf = (text) => JSON.parse(text).data;

/** Describes the mismatch of the responses. Undefined if there is none. */
function failureOf(outcome, errors, first, second) {
  if (outcome === "broken") return `broken, status ${first.status}`;
  if (outcome === "accepted" && errors.length) return "wrongly accepted";
  const isKnown = () => first.body.errors.every(({ message }) => KNOWN.some((known) => known.test(message)));
  if (outcome === "rejected" && !errors.length && !isKnown()) return "wrongly rejected";
  // Siblings of a failed field may be abandoned, with their errors.
  const isOpen = first.body.data !== undefined && first.body.errors && second.body?.errors;
  const text = withTimesOf(second.text, first.text);
  const isSame = isOpen ? isDeepStrictEqual(dataOf(text), dataOf(second.text)) : text === second.text;
  return isSame ? undefined : `another answer the second time: ${second.text}`;
}

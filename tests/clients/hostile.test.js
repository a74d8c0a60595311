// Hostile clients: each gets a response or is disconnected, and other clients are served meanwhile.

import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { dev } from "./server.js";

const QUERY = JSON.stringify({ query: "{ __typename }" });

/** The maximum duration of a request to a debug build, in milliseconds. A release build is ten times faster. */
const ANSWERED_WITHIN = 1000;
/** The number of attempts, of which the fastest counts: a busy machine must not fail the tests. */
const ATTEMPTS = 5;
/** The time after which a slow client must be disconnected. The server permits a request 30 seconds. */
const CUT_OFF_WITHIN = 36_000;
/** The number of concurrent slow clients of each kind. */
const CROWD = 20;

const big = JSON.stringify({ query: "{ __typename }", extensions: { filler: "x".repeat(10e6) } });
const json = { "content-type": "application/json" };
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));

/** Name, accepted statuses, and request. */
const REQUESTS = [
  ["a body of 10 MB", [413], { headers: json, body: big }],
  ["a body of 10 MB of unknown length", [413], { headers: json, body: () => new Blob([big]).stream(), duplex: "half" }],
  // In a comment, which a lenient parser would skip.
  ["invalid UTF-8 in the document", [400], { headers: json, body: bytes('{"query":"{ __typename } #', [0xc3, 0x28], '"}') }],
  ["a body of random bytes", [400], { headers: json, body: bytes([0x80, 0xff, 0xfe, 0x00, 0xc0]) }],
  ["a body in UTF-16", [400, 415], { headers: json, body: Buffer.from(QUERY, "utf16le") }],
  ["half a surrogate pair", [400], { headers: json, body: '{"query":"{ __typename } # \\ud800"}' }],
];

const HEAD = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

/** Name, what is sent immediately, and what is then sent repeatedly, one byte a second. */
const DAWDLERS = [
  ["requests, and read no answer", 20, "\r\n"],
  ["a body, a byte a second", `${HEAD}content-length: 200000\r\n\r\n`, "x"],
  ["a body in chunks, a byte a second", `${HEAD}transfer-encoding: chunked\r\n\r\n`, "1\r\nx\r\n"],
  ["a head, a byte a second", `${HEAD}x-filler: `, "x"],
  ["nothing at all", "", ""],
];

test("hostile clients", async (t) => {
  const server = await dev();
  t.after(() => server.stop());
  const table = [];
  // A table in the report, also when a test fails.
  t.after(() => console.table(table));

  for (const [name, statuses, request] of REQUESTS) {
    await t.test(`${name} is rejected immediately`, async () => {
      const attempts = [];
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) attempts.push(await post(server, request));
      const fastest = Math.min(...attempts.map(({ milliseconds }) => milliseconds));
      const answers = [...new Set(attempts.map(({ answer }) => answer))];
      table.push({ client: name, answer: answers.join(", "), milliseconds: fastest });
      assert.ok(answers.every((answer) => statuses.includes(answer)), `it was answered ${answers.join(", ")}`);
      assert.ok(fastest < ANSWERED_WITHIN, `it took ${fastest} ms`);
    });
  }

  await t.test("slow clients", { concurrency: true }, async (t) => {
    const over = new AbortController();
    const neighbour = beside(server, over.signal);
    // Its failure is reported where it is awaited, below.
    neighbour.catch(() => {});
    const dawdlers = DAWDLERS.map(([name, first, then]) =>
      t.test(`${CROWD} clients that send ${name} are disconnected`, async () => {
        const text = typeof first === "string" ? first : (await largeRequest(server)).repeat(first);
        const reads = text === first;
        const crowd = await Promise.all(Array.from({ length: CROWD }, () => dawdle(server, text, then, reads)));
        const slowest = crowd.reduce((one, other) => (one.milliseconds > other.milliseconds ? one : other));
        table.push({ client: `${name} (${CROWD} of them)`, ...slowest });
        assert.notEqual(slowest.answer, "still connected");
      }),
    );
    await Promise.all(dawdlers);
    over.abort();
    await t.test("other clients are served meanwhile", async () => {
      const times = (await neighbour).sort((a, b) => a - b);
      const [median, slowest] = [times[times.length >> 1], times.at(-1)];
      table.push({ client: `the one beside them, ${times.length} times`, answer: 200, milliseconds: median, slowest });
      assert.ok(median < ANSWERED_WITHIN, `it waited ${median} ms`);
    });
  });

  await t.test("the server is still the same process", () => assert.equal(server.process.exitCode, null));
});

/**
 * Posts with `fetch`, as a JavaScript app does. `fetch` sees no response (but EPIPE or ECONNRESET) if the server closes the
 * connection while the body is being sent.
 */
async function post(server, { body, ...request }) {
  const start = performance.now();
  const done = (answer) => ({ answer, milliseconds: Math.round(performance.now() - start) });
  try {
    const response = await fetch(server.url, {
      method: "POST",
      ...request,
      body: typeof body === "function" ? body() : body,
    });
    await response.arrayBuffer();
    return done(response.status);
  } catch (error) {
    return done(error.cause?.code ?? error.message);
  }
}

/** A request whose response is more than a megabyte. */
async function largeRequest(server) {
  const page = await (await fetch(new URL("/graphiql", server.url))).text();
  const [, file] = /src="\.(\/graphiql\/[^"]+)"/.exec(page);
  return `GET ${file} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: identity\r\n\r\n`;
}

/** Sends a byte a second until the server responds or disconnects. */
function dawdle(server, first, then, reads) {
  const { hostname, port } = new URL(server.url);
  const start = performance.now();
  return new Promise((resolve) => {
    let received = "";
    let sent = 0;
    const socket = net.connect(port, hostname);
    const done = (answer) => {
      clearInterval(sending);
      clearTimeout(giveUp);
      socket.destroy();
      resolve({ answer, milliseconds: Math.round(performance.now() - start) });
    };
    const sending = setInterval(() => then && socket.write(then[sent++ % then.length]), 1000);
    const giveUp = setTimeout(() => done("still connected"), CUT_OFF_WITHIN);
    const ended = () => done(/^HTTP\/1.1 (\d+)/.exec(received)?.[1] ?? "closed");
    // A write after the server closed the connection fails, which is as good.
    if (reads) socket.on("data", (data) => (received += data));
    socket.on("end", ended).on("error", ended);
    socket.write(first);
  });
}

/** Sends requests repeatedly. Returns the duration of each. */
async function beside(server, signal) {
  const times = [];
  while (!signal.aborted) {
    const { answer, milliseconds } = await post(server, { headers: json, body: QUERY });
    assert.equal(answer, 200);
    times.push(milliseconds);
    await sleep(100);
  }
  return times;
}

// Starts the real server as a process, on a free port, with a temporary SQLite database.

import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { promisify } from "node:util";

// `tests/run` sets the program to test. The default is the one that `cargo build` makes.
export const PROGRAM = process.env.PROMOLINK_PROGRAM ?? new URL("../../target/debug/promolink", import.meta.url).pathname;

/** Starts `promolink dev`, which requires no credential and has demo data. */
export function dev() {
  return start("dev");
}

/** Starts `promolink serve` on an empty database, with a key of one organisation for each of these roles. */
export function serve(roles, environment = {}) {
  return start("serve", roles, environment);
}

async function start(command, roles = [], more = {}) {
  const folder = await mkdtemp(join(tmpdir(), "promolink-clients-"));
  try {
    const environment = { PATH: process.env.PATH, DATABASE_URL: `sqlite:${join(folder, "test.db")}`, ...more };
    const keys = await makeKeys(command, roles, environment);
    const log = createWriteStream(join(folder, "log"));
    const child = spawn(PROGRAM, [command, "--listen", "127.0.0.1:0"], { env: environment });
    child.stderr.pipe(log);
    await once(child, "spawn");
    const ended = once(child, "exit");
    return {
      url: `${await greeting(child, log)}/graphql`,
      keys,
      process: child,
      /** The log so far. */
      log: () => readFile(log.path, "utf8"),
      async stop() {
        child.kill("SIGKILL");
        await ended;
        await rm(folder, { recursive: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
}

async function makeKeys(command, roles, environment) {
  const program = (...args) => promisify(execFile)(PROGRAM, args, { env: environment });
  if (command === "serve") await program("migrate");
  const keys = {};
  for (const role of roles) {
    keys[role] = (await program("key", "create", "--org", "100458", "--role", role)).stdout.trim();
  }
  return keys;
}

/** Waits until the server listens. Returns its address. */
async function greeting(child, log) {
  let text = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const address = /http:\/\/[^/]+(?=\/graphql)/.exec(text);
    if (address) {
      // Keep reading: a full pipe would block the server.
      child.stdout.resume();
      return address[0];
    }
  }
  await finished(log);
  throw new Error(`the server ended at once: ${await readFile(log.path, "utf8")}`);
}

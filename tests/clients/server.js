// The real server, as a process of its own on a free port, over a throw-away SQLite database.

import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { promisify } from "node:util";

// `tests/run` says which build to test; otherwise it is the one of `cargo build`.
export const PROGRAM = process.env.PROMOLINK_PROGRAM ?? new URL("../../target/debug/promolink", import.meta.url).pathname;

/** `promolink dev`: nobody needs a credential, and there is demo data. */
export function dev() {
  return start("dev");
}

/** `promolink serve` on an empty database, with keys of one organisation for the roles that are named. */
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
      /** What the server has logged. */
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

/** Waits until the server listens. Answers with its address. */
async function greeting(child, log) {
  let text = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const address = /http:\/\/[^/]+(?=\/graphql)/.exec(text);
    if (address) {
      // What it prints later has to go somewhere, or a full pipe would stop it.
      child.stdout.resume();
      return address[0];
    }
  }
  await finished(log);
  throw new Error(`the server ended at once: ${await readFile(log.path, "utf8")}`);
}

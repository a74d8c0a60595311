// A temporary PostgreSQL server.

import { execFile } from "node:child_process";
import { chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Starts a server on a loopback port that accepts any password. Its superuser is postgres. */
export async function startPostgres(port) {
  const versions = (await readdir("/usr/lib/postgresql")).sort((one, other) => one - other);
  const bin = `/usr/lib/postgresql/${versions.at(-1)}/bin`;
  const folder = await mkdtemp(join(tmpdir(), "promolink-postgres-"));
  // PostgreSQL refuses to run as root.
  const user = process.getuid() === 0 ? ["runuser", "-u", "postgres", "--"] : [];
  if (user.length) await chown(folder, Number((await run("id", ["-u", "postgres"])).stdout), -1);
  const data = join(folder, "data");
  const postgres = (program, ...args) => {
    const [command, ...rest] = [...user, `${bin}/${program}`, ...args];
    return run(command, rest, { cwd: folder });
  };
  await postgres("initdb", `--pgdata=${data}`, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync");
  const options = `-k '${folder}' -c listen_addresses=127.0.0.1 -c port=${port} -c fsync=off`;
  await postgres("pg_ctl", `--pgdata=${data}`, `--log=${folder}/log`, "--silent", "--wait", `--options=${options}`, "start");
  return {
    environment: { PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: "postgres" },
    async stop() {
      await postgres("pg_ctl", `--pgdata=${data}`, "--silent", "--mode=immediate", "stop");
      await rm(folder, { recursive: true });
    },
  };
}

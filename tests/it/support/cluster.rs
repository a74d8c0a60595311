//! A throw-away PostgreSQL server, gone when the process that started it ends, however it ends.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Stops the server and removes its files when the pipe from the process that started it closes.
const WATCHDOG: &str = r#"
set -eu
"$BIN/initdb" --pgdata="$DIR/data" --username=promolink --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$DIR/log" 2>&1
"$BIN/pg_ctl" --pgdata="$DIR/data" --log="$DIR/log" --silent --wait start \
    --options="-k '$DIR' -c listen_addresses='' $SETTINGS"
echo ready
read -r _ || true
"$BIN/pg_ctl" --pgdata="$DIR/data" --silent --mode=immediate stop
rm -rf "$DIR"
"#;

/// A running PostgreSQL server.
pub struct Cluster {
    /// Where its socket and its files are.
    pub directory: PathBuf,
    /// Holds the pipe open until this process ends.
    watchdog: Child,
}

impl Cluster {
    /// Starts a server with these options of `postgres`.
    pub fn start(settings: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("promolink-test-").tempdir().unwrap().keep();
        let root = fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0);
        // PostgreSQL does not run as root.
        let mut command = if root {
            std::os::unix::fs::chown(&directory, Some(postgres_user()), None).unwrap();
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut watchdog = command
            .args(["-c", WATCHDOG])
            .current_dir(&directory)
            .env("BIN", binaries())
            .env("DIR", &directory)
            .env("SETTINGS", settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(watchdog.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
        assert_eq!(line, "ready\n", "PostgreSQL did not start:\n{}", log());
        Self { directory, watchdog }
    }

    /// The URL of a database of the server.
    pub fn url(&self, database: &str) -> String {
        let socket = self.directory.to_string_lossy().replace('/', "%2F");
        format!("postgres://promolink@{socket}/{database}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // It has been asked to end, which is all that can be done.
        let _ = self.watchdog.wait();
    }
}

fn postgres_user() -> u32 {
    let id = Command::new("id").args(["-u", "postgres"]).output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().parse().expect("there is no user postgres: tests/run installs it")
}

/// The folder of PostgreSQL's programs: where Debian puts the newest, else what is on the path.
pub fn binaries() -> PathBuf {
    let installed =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let on_path = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let mut found: Vec<PathBuf> = installed.filter(|path| path.join("initdb").exists()).collect();
    found.sort_by_key(|path| {
        path.parent().and_then(Path::file_name).and_then(|v| v.to_string_lossy().parse::<u32>().ok())
    });
    found
        .pop()
        .or_else(|| on_path.into_iter().find(|path| path.join("initdb").exists()))
        .expect("PostgreSQL is not installed: tests/run installs it")
}

//! A throw-away PostgreSQL server, started once per test run and gone when the run ends, however it ends.
//!
//! `TEST_DATABASE_URL` names a server to use instead; its user must be allowed to create databases.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

/// Stops the server and removes its files when the pipe from the test process closes.
const WATCHDOG: &str = r#"
set -eu
"$BIN/initdb" --pgdata="$DIR/data" --username=promolink --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$DIR/log" 2>&1
"$BIN/pg_ctl" --pgdata="$DIR/data" --log="$DIR/log" --silent --wait start \
    --options="-k '$DIR' -c listen_addresses='' -c max_connections=200 -c fsync=off"
echo ready
read -r _ || true
"$BIN/pg_ctl" --pgdata="$DIR/data" --silent --mode=immediate stop
rm -rf "$DIR"
"#;

struct Cluster {
    url: String,
    /// Holds the pipe open until this process ends.
    _watchdog: Option<Child>,
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| match env::var("TEST_DATABASE_URL") {
    Ok(url) => Cluster { url, _watchdog: None },
    Err(_) => start(),
});

/// The URL of the server's maintenance database.
pub fn url() -> &'static str {
    &CLUSTER.url
}

fn start() -> Cluster {
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
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(watchdog.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
    assert_eq!(line, "ready\n", "PostgreSQL did not start:\n{}", log());
    let socket = directory.to_string_lossy().replace('/', "%2F");
    Cluster { url: format!("postgres://promolink@{socket}/postgres"), _watchdog: Some(watchdog) }
}

fn postgres_user() -> u32 {
    let id = Command::new("id").args(["-u", "postgres"]).output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().parse().expect("there is no user postgres: tests/run installs it")
}

/// The folder of PostgreSQL's programs: where Debian puts the newest, else what is on the path.
fn binaries() -> PathBuf {
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

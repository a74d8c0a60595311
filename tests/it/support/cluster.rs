//! A disposable PostgreSQL server. It is removed when the process that started it ends, even if that process is killed.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

/// Executes the commands that it reads; stops the server and removes its files when its standard input closes.
const WATCHDOG: &str = r#"
set -eu
if [ -n "$PRIMARY" ]; then
    "$BIN/pg_basebackup" --pgdata="$DIR/data" --host="$PRIMARY" --username=promolink --write-recovery-conf \
        --checkpoint=fast --no-sync >"$DIR/log" 2>&1
else
    "$BIN/initdb" --pgdata="$DIR/data" --username=promolink --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync \
        >"$DIR/log" 2>&1
fi
start() {
    "$BIN/pg_ctl" --pgdata="$DIR/data" --log="$DIR/log" --silent --wait start \
        --options="-k '$DIR' -c listen_addresses='' $SETTINGS"
}
promote() { "$BIN/pg_ctl" --pgdata="$DIR/data" --silent --wait promote; }
stop() { "$BIN/pg_ctl" --pgdata="$DIR/data" --silent --mode=immediate stop; }
signal_all() {
    local postmaster=$(head -n 1 "$DIR/data/postmaster.pid")
    kill "-$1" "$postmaster" $(cat "/proc/$postmaster/task/$postmaster/children")
}
freeze() { signal_all STOP; }
thaw() { signal_all CONT 2>/dev/null || true; }
start
echo ready
while read -r order; do
    "$order"
    echo ready
done
thaw
stop 2>/dev/null || true
rm -rf "$DIR"
"#;

/// A running PostgreSQL server.
pub struct Cluster {
    /// The directory of its socket and files.
    pub directory: PathBuf,
    /// Runs until its standard input closes, at the latest when this process ends.
    watchdog: Child,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    /// Starts a server with these options of `postgres`.
    pub fn start(settings: &str) -> Self {
        Self::start_from(None, settings)
    }

    /// Starts a read-only replica of this server.
    pub fn replica(&self) -> Self {
        Self::start_from(Some(&self.directory), "")
    }

    fn start_from(primary: Option<&Path>, settings: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("promolink-test-").tempdir().unwrap().keep();
        let mut command = if let Some(user) = user_instead_of_root() {
            std::os::unix::fs::chown(&directory, Some(user), None).unwrap();
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
            .env("PRIMARY", primary.unwrap_or(Path::new("")))
            .env("SETTINGS", settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(watchdog.stdout.take().unwrap());
        let mut cluster = Self { directory, watchdog, answers };
        cluster.expect_ready();
        cluster
    }

    fn expect_ready(&mut self) {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        assert_eq!(line, "ready\n", "a command of the PostgreSQL server failed:\n{}", log());
    }

    /// Kills the server, as a crash would: it cuts all connections and writes nothing more to disk.
    pub fn stop(&mut self) {
        self.order("stop");
    }

    /// Stops the server's processes for good, as a disk that hangs does. The kernel keeps its connections open.
    pub fn freeze(&mut self) {
        self.order("freeze");
    }

    /// Starts the server again.
    pub fn start_again(&mut self) {
        self.order("start");
    }

    /// Promotes this replica to a primary.
    pub fn promote(&mut self) {
        self.order("promote");
    }

    fn order(&mut self, order: &str) {
        writeln!(self.watchdog.stdin.as_mut().unwrap(), "{order}").unwrap();
        self.expect_ready();
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
        // Nothing can be done about a failure here.
        let _ = self.watchdog.wait();
    }
}

/// The id of the user `postgres` if this process runs as root, which PostgreSQL and PgBouncer reject.
pub fn user_instead_of_root() -> Option<u32> {
    let root = fs::metadata("/proc/self").is_ok_and(|process| std::os::unix::fs::MetadataExt::uid(&process) == 0);
    root.then(postgres_user)
}

fn postgres_user() -> u32 {
    let id = Command::new("id").args(["-u", "postgres"]).output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().parse().expect("there is no user postgres; tests/run installs it")
}

/// The directory of PostgreSQL's programs: `TEST_POSTGRES`, or else Debian's newest version, or else from `PATH`.
pub fn binaries() -> PathBuf {
    if let Some(folder) = env::var_os("TEST_POSTGRES") {
        return folder.into();
    }
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
        .expect("PostgreSQL is not installed; tests/run installs it")
}

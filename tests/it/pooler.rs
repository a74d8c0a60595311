//! Behind PgBouncer, the server works in session mode. In transaction mode, where sessions are shared, it does not
//! start, and says why.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::support::{Cluster, Database, ORG, Server, campaign, code_of, program, user_instead_of_root};

#[tokio::test(flavor = "multi_thread")]
async fn links_succeed_through_a_pool_in_session_mode() {
    let cluster = Cluster::start("");
    let database = Database::at(cluster.url("postgres"));
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let key = database.key(ORG, "service");
    let pool = Pool::start(&database, "session");
    let server = Server::serve(&Database::at(pool.url()), &[]);
    assert_eq!(code_of(&server.caller(&key).link(1, "A").await), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_in_transaction_mode_is_rejected_with_the_reason() {
    let cluster = Cluster::start("");
    let database = Database::at(cluster.url("postgres"));
    database.open().await;
    let pool = Pool::start(&database, "transaction");
    // Several times, because the pooler chooses the session.
    for _ in 0..5 {
        for command in
            [&["serve", "--listen=127.0.0.1:0"][..], &["serve", "--listen=127.0.0.1:0", "--migrate"], &["check"]]
        {
            // Stops a server that starts against expectation.
            let mut limited = Command::new("timeout");
            limited.arg("10").arg(program().get_program()).args(command).env("DATABASE_URL", pool.url());
            let output = limited.output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && errors.contains("PgBouncer in transaction mode"), "{errors}");
        }
    }
}

/// A PgBouncer in front of a database, on its own socket.
struct Pool {
    process: Child,
    folder: TempDir,
    database: String,
}

impl Pool {
    fn start(database: &Database, mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let (server, name) = database.url.rsplit_once('/').unwrap();
        let host = server.rsplit_once('@').unwrap().1.replace("%2F", "/");
        let users = folder.path().join("users");
        fs::write(&users, "\"promolink\" \"\"\n").unwrap();
        let settings = folder.path().join("settings.ini");
        let text = format!(
            "[databases]\n{name} = host={host} user=promolink\n[pgbouncer]\nunix_socket_dir = {path}\nlisten_port = 6432\n\
             listen_addr =\nauth_type = trust\nauth_file = {}\npool_mode = {mode}\n",
            users.display()
        );
        fs::write(&settings, text).unwrap();
        let mut command = Command::new("pgbouncer");
        if let Some(user) = user_instead_of_root() {
            std::os::unix::fs::chown(folder.path(), Some(user), None).unwrap();
            std::os::unix::process::CommandExt::uid(&mut command, user);
        }
        let process = command.arg("-q").arg(&settings).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
        let process = process.expect("tests/run installs PgBouncer");
        let started = Instant::now();
        while !folder.path().join(".s.PGSQL.6432").exists() {
            assert!(started.elapsed() < Duration::from_secs(10), "PgBouncer did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, folder, database: name.to_owned() }
    }

    fn url(&self) -> String {
        let host = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://promolink@{host}:6432/{}", self.database)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

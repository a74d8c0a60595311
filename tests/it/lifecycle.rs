//! How a server starts and stops: signals, ports, and what it logs.

use std::{net::TcpListener, time::Duration};

use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, campaign, code_of, on_both_databases, program};

on_both_databases! {
    async fn the_log_records_the_start_and_the_shutdown(database: Database) {
        database.open().await;
        let server = Server::serve(&database, &[("PROMOLINK_LIMITS", "storefront.links=5")]);
        let address = server.address.clone();
        server.ask_to_end();
        let (code, log) = server.ended_with_log();
        assert_eq!(code, Some(0));
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let [start, shutting_down, draining, end] = &lines[..] else { panic!("{log}") };
        assert_eq!(start["message"], "the server has started");
        assert_eq!((&start["version"], &start["address"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(address)));
        assert_eq!(start["limits"], "storefront.links=5");
        let named = start["database"].as_str().unwrap();
        assert!(named.starts_with("sqlite:") || named.starts_with("postgres://"), "{start}");
        assert_eq!(start["database_tls"], if named.starts_with("sqlite:") { Value::Null } else { json!(false) });
        assert_eq!((&shutting_down["signal"], &shutting_down["level"]), (&json!("SIGTERM"), &json!("INFO")));
        assert!(draining["message"].as_str().unwrap().starts_with("no more connections"), "{draining}");
        assert_eq!(end["message"], "the server has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_drains_requests_like_sigterm() {
    if ignores_hangup() {
        eprintln!("SKIPPED: these tests ignore SIGHUP, and so would the server");
        return;
    }
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("LOCKED", None)]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[]);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded = 'locked' FOR UPDATE").await;
    let caller = server.caller(&key);
    let link = tokio::spawn(async move { caller.link(1, "LOCKED").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    // A terminal that closes may send several.
    for _ in 0..2 {
        server.signal("HUP");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    session.run("ROLLBACK").await;
    assert_eq!(code_of(&link.await.unwrap()), "OK");
    let (code, log) = server.ended_with_log();
    assert!(code == Some(0) && log.contains("\"signal\":\"SIGHUP\""), "{code:?} {log}");
}

/// Whether this process ignores SIGHUP, which its children inherit.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is signal 1, the lowest bit.
    ignored.is_some_and(|mask| mask.trim().ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_started_with_nohup_outlives_its_terminal() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve_after(&database, "trap '' HUP", &[]);
    server.signal("HUP");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(reqwest::get(server.url("/ready")).await.unwrap().status(), 200);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_sessions_have_an_application_name() {
    let database = Database::postgres();
    database.open().await;
    for (parameter, name) in [("", "promolink"), ("?application_name=shop", "shop")] {
        let server = Server::serve(&Database::at(format!("{}{parameter}", database.url)), &[]);
        // Looks up a key, and keeps the connection open.
        server
            .caller(&format!("plk_1_{}_{}", "0".repeat(32), "0".repeat(64)))
            .execute("{ __typename }", Value::Null)
            .await;
        let named = format!(
            "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = current_database() AND application_name = '{name}'"
        );
        assert!(database.session().await.number(&named).await > 0, "{name}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_reported_with_its_option() {
    let database = Database::sqlite();
    database.open().await;
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = used.local_addr().unwrap().to_string();
    for (arguments, option) in [
        (
            [format!("--listen={address}"), "--metrics-listen=127.0.0.1:0".to_owned()],
            "; choose another address with --listen: ",
        ),
        (
            ["--listen=127.0.0.1:0".to_owned(), format!("--metrics-listen={address}")],
            "; choose another address with --metrics-listen: ",
        ),
    ] {
        let output = program().arg("serve").args(arguments).env("DATABASE_URL", &database.url).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        // Exit code 1, not 2: the other process may release the port.
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(&format!("cannot listen on {address}")) && errors.contains(option), "{errors}");
    }
}

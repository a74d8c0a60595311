//! What only an embedded database has: threads of the server's own, and a file.

#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{Database, Server, campaign};

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_the_database_take_no_threads() {
    let database = Database::sqlite();
    let codes = (0..100).fold(campaign("Spring"), |campaign, number| campaign.code(&format!("S-{number:03}"), None));
    database.seed(&[codes]).await;
    let server = Server::start(&database);
    let queries = (0..300).map(|number| {
        let query = format!(
            "{{ campaigns {{ nodes {{ codes(first: 100) {{ nodes {{ code promotions {{ nodes {{ id }} }} }} }} }} }}
                customerPromotions(customerId: {number}, active: true) {{ nodes {{ id }} }} }}"
        );
        let server = &server;
        async move { server.execute(&query, Value::Null).await }
    });
    let links = (0..100).map(|number| {
        let server = &server;
        async move { server.link(number, &format!("S-{number:03}")).await }
    });
    let (answers, _) = tokio::join!(join_all(queries), join_all(links));
    assert!(answers.iter().any(|answer| answer["errors"] == Value::Null), "{}", answers[0]);
    // Threads that have blocked stay for ten seconds.
    assert!(server.threads() < 40, "{} threads", server.threads());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_is_its_owners_alone() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    server.link(1, "A").await;
    let files = ["", "-wal", "-shm"].map(|suffix| path(&database, suffix));
    assert_eq!(files.each_ref().map(mode), [0o600; 3], "{files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_exists_keeps_its_mode() {
    let database = Database::sqlite();
    fs::write(path(&database, ""), "").unwrap();
    fs::set_permissions(path(&database, ""), fs::Permissions::from_mode(0o640)).unwrap();
    database.seed(&[campaign("Spring")]).await;
    assert_eq!(mode(&path(&database, "")), 0o640);
}

fn path(database: &Database, suffix: &str) -> PathBuf {
    format!("{}{suffix}", database.url.trim_start_matches("sqlite:")).into()
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

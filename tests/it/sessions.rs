//! The guarantees hold, whatever other sessions do and however the PostgreSQL database is configured.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};

use crate::support::{Database, Server, campaign, code_of, program};

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_code_does_not_delay_links_of_other_codes() {
    let database = Database::postgres();
    let codes =
        (0..20).fold(campaign("Spring").code("LOCKED", None), |campaign, n| campaign.code(&format!("FREE-{n}"), None));
    database.seed(&[codes]).await;
    let server = Server::start(&database);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded = 'locked' FOR UPDATE").await;

    let waits = server.link(1, "LOCKED");
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        for number in 0..20 {
            assert_eq!(code_of(&server.link(1, &format!("FREE-{number}")).await), "OK");
        }
    };
    let (waited, ()) = tokio::join!(waits, others);
    assert_eq!(code_of(&waited), "OVERLOADED");
    assert_eq!(waited["errors"][0]["extensions"]["retryable"], true);
    session.run("ROLLBACK").await;
    assert_eq!(code_of(&server.link(1, "LOCKED").await), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn locked_codes_delay_neither_their_batch_nor_other_links() {
    let database = Database::postgres();
    let codes =
        (0..500).fold(campaign("Spring").code("STRANGER", None), |campaign, n| campaign.code(&format!("C-{n}"), None));
    database.seed(&[codes]).await;
    let server = Server::start(&database);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded LIKE 'c-%77' FOR UPDATE").await;

    let query = "mutation($input: [LinkPromotionCodeInput!]!) { linkPromotionCodes(input: $input) { error { code } } }";
    let link = |n: usize| json!({ "customerId": 1, "code": format!("C-{n}"), "mode": "DISCOUNT" });
    let input: Vec<Value> = (0..500).map(link).collect();
    let many = async { server.data(query, json!({ "input": input })).await };
    let strangers = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        for customer in 0..20 {
            assert_eq!(code_of(&server.link(customer, "STRANGER").await), "OK");
        }
        // The codes are unlocked only after all other links have completed.
        session.run("ROLLBACK").await;
    };
    let (answer, ()) = tokio::join!(many, strangers);
    let results = answer["linkPromotionCodes"].as_array().unwrap();
    let mut free = results.iter().enumerate().filter(|(n, _)| n % 100 != 77);
    assert!(free.all(|(_, result)| result["error"].is_null()), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_of_the_database_do_not_weaken_the_guarantees() {
    let database = Database::postgres();
    let limited = campaign("One each").with(|campaign| campaign.max_links_per_customer = Some(1));
    database.seed(&[(0..40).fold(limited, |campaign, n| campaign.code(&format!("L-{n}"), Some(1)))]).await;
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    database.run(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")).await;
    database.run(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
    let servers = [Server::start(&database), Server::start(&database)];
    for customer in 0..10 {
        let links = (0..4).map(|n| {
            let code = format!("L-{}", customer * 4 + n);
            let server = &servers[n % 2];
            async move { code_of(&server.link(customer, &code).await).to_owned() }
        });
        let outcomes = futures_util::future::join_all(links).await;
        assert_eq!(outcomes.iter().filter(|outcome| *outcome == "OK").count(), 1, "{outcomes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_can_be_retried_after_its_connection_is_cut() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("LOCKED", None)]).await;
    let server = Server::start(&database);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes FOR UPDATE").await;
    let cut = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").await;
    };
    let (response, ()) = tokio::join!(server.link(1, "LOCKED"), cut);
    assert_eq!(code_of(&response), "OVERLOADED");
    session.run("ROLLBACK").await;
    assert_eq!(code_of(&server.link(1, "LOCKED").await), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_store_every_character_is_rejected_unchanged() {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let database = Database::postgres_with(&format!("ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"));
        for command in [
            &["migrate"][..],
            &["migrate", "--status"],
            &["serve", "--listen=127.0.0.1:0"],
            &["serve", "--listen=127.0.0.1:0", "--migrate"],
            &["dev", "--listen=127.0.0.1:0"],
            &["key", "list", "--org=1"],
            &["check"],
        ] {
            // Stops a server that starts against expectation.
            let mut limited = Command::new("timeout");
            limited.arg("10").arg(program().get_program()).args(command).env("DATABASE_URL", &database.url);
            let output = limited.output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            let told = [encoding, "UTF8 is required", "ENCODING 'UTF8' TEMPLATE template0"];
            assert!(
                !output.status.success() && told.iter().all(|words| errors.contains(words)),
                "{command:?}: {errors}"
            );
        }
        let tables = "SELECT count(*) AS number FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(database.session().await.number(tables).await, 0);
    }
}

/// Pages are in byte order, as the program sorts them, whatever the collation of the database is. No index breaks when
/// an upgrade of the system changes that collation.
#[tokio::test(flavor = "multi_thread")]
async fn no_index_depends_on_the_collation_of_the_database() {
    let database = Database::postgres();
    database.open().await;
    let other = "SELECT count(*) AS number FROM pg_attribute a JOIN pg_index i ON i.indexrelid = a.attrelid
        JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> '__diesel_schema_migrations'
        AND a.attcollation NOT IN (0, '\"C\"'::regcollation)";
    assert_eq!(database.session().await.number(other).await, 0);
}

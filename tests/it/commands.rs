//! The command line as its users see it.

use std::{
    process::Output,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Cluster, Database, ORG, Server, code_of, on_both_databases, program};

on_both_databases! {
    async fn dev_starts_with_demo_data_and_keeps_links(database: Database) {
        let server = Server::start(&database);
        assert!(server.greeting.contains("Not for production"), "{}", server.greeting);
        assert!(server.greeting.contains("demo data added"), "{}", server.greeting);
        let first = run_curl(&server.greeting);
        assert_eq!(first["data"]["linkPromotionCode"]["customerId"], 42);
        server.stop();

        let server = Server::start(&database);
        assert!(server.greeting.contains("as it was left"), "{}", server.greeting);
        let again = run_curl(&server.greeting);
        assert_eq!(first, again);
        assert_eq!(code_of(&server.link(43, "SUMMER-0001").await), "CODE_ALREADY_LINKED");
        let query = "{ promotionCodes(codes: [\"SUMMER-0001\", \"GIFT-0001\"], mode: DISCOUNT) { linkCount } }";
        let codes = server.execute(query, Value::Null).await;
        assert_eq!(codes["data"]["promotionCodes"], json!([{ "linkCount": 1 }, null]));
    }

    async fn a_killed_server_loses_no_acknowledged_link(database: Database) {
        let server = Server::start(&database);
        let linked = server.link(42, "SUMMER-0001").await;
        assert_eq!(code_of(&linked), "OK");
        server.kill();
        let server = Server::start(&database);
        assert_eq!(linked, server.link(42, "SUMMER-0001").await);
    }

    async fn the_demo_server_shows_what_callers_of_each_role_see(database: Database) {
        for (role, wallet, campaigns, refusal) in [
            ("storefront", "FORBIDDEN", "FORBIDDEN", "CODE_NOT_USABLE"),
            ("customer:42", "OK", "FORBIDDEN", "CODE_NOT_USABLE"),
            ("service", "OK", "FORBIDDEN", "CODE_NOT_FOUND"),
            ("admin", "OK", "OK", "CODE_NOT_FOUND"),
        ] {
            let server = Server::start_as(&database, role);
            let code = async |query| code_of(&server.execute(query, Value::Null).await).to_owned();
            assert_eq!(code("{ customerPromotions(customerId: 42) { nodes { id } } }").await, wallet, "{role}");
            assert_eq!(code("{ campaigns { nodes { id } } }").await, campaigns, "{role}");
            assert_eq!(code_of(&server.link(42, "NO-SUCH-CODE").await), refusal, "{role}");
        }
        let refused = program().args(["dev", "--as", "customer"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("customer:42"), "{refused:?}");
    }

    async fn migrate_applies_pending_migrations_once(database: Database) {
        let status = || run(&["migrate", "--status", "--database-url", &database.url]);
        let each = |state: &str| {
            let names = [
                "2026-11-23-100000_promotions",
                "2026-11-23-220000_credentials",
                "2026-11-27-000000_fold_codes",
                "2026-11-27-100000_events",
                "2026-11-27-200000_webhooks",
                "2026-11-28-100000_offers",
                "2026-11-28-200000_failed_links",
                "2026-11-29-100000_distribution",
            ];
            names.map(|name| format!("{state} {name}\n")).concat()
        };
        assert_eq!(text(&status()), each("pending"));
        assert_eq!(text(&run(&["migrate", "--database-url", &database.url])), each("applied"));
        assert_eq!(text(&status()), each("applied"));
        assert!(text(&run(&["migrate", "--database-url", &database.url])).ends_with("is up to date\n"));
    }

    async fn a_database_of_a_newer_version_is_served_and_reported(database: Database) {
        database.open().await;
        database.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')").await;
        let status = text(&run(&["migrate", "--status", "--database-url", &database.url]));
        assert!(status.ends_with("\nunknown 20991231000000 (of a newer version of promolink)\n"), "{status}");
        let migrated = run(&["migrate", "--database-url", &database.url]);
        let remarks = String::from_utf8_lossy(&migrated.stderr).into_owned();
        assert!(remarks.contains("newer version of promolink: 20991231000000"), "{remarks}");
        assert!(text(&migrated).ends_with("is up to date\n"));
        // Servers of this version go on while those of the next version replace them.
        let server = Server::serve(&database, &[]);
        assert_eq!(reqwest::get(server.url("/ready")).await.unwrap().status(), 200);
        let log = server.log();
        let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains("20991231000000")).count();
        assert_eq!(warnings, 1, "{log}");
    }

    async fn several_processes_may_migrate_concurrently(database: Database) {
        let outputs = std::thread::scope(|scope| {
            let migrate = || run(&["migrate", "--database-url", &database.url]);
            let threads = [(); 8].map(|()| scope.spawn(migrate));
            threads.map(|thread| text(&thread.join().unwrap()))
        });
        assert_eq!(outputs.iter().filter(|output| output.starts_with("applied")).count(), 1, "{outputs:?}");
        assert_eq!(outputs.iter().filter(|output| output.ends_with("is up to date\n")).count(), 7, "{outputs:?}");
    }
}

#[tokio::test]
async fn graphiql_opens_at_the_address_in_the_greeting() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    for path in ["/", "/graphiql"] {
        let page = reqwest::get(server.url(path)).await.unwrap();
        assert_eq!(page.url().path(), "/graphiql");
        assert!(page.text().await.unwrap().contains("<title>Promolink</title>"));
    }
    assert!(server.greeting.contains(&server.url("/graphiql")));
}

#[tokio::test]
async fn nearly_right_addresses_lead_to_the_right_one() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let page = reqwest::get(server.url("/graphiql/")).await.unwrap();
    assert_eq!((page.url().path(), page.status().as_u16()), ("/graphiql", 200));
    let client = reqwest::Client::new();
    let query = json!({ "query": "{ __typename }" });
    let posted = client.post(server.url("/graphql/")).json(&query).send().await.unwrap();
    assert_eq!(posted.json::<Value>().await.unwrap()["data"]["__typename"], "Query");
    let asked = reqwest::get(server.url("/graphql/?query=%7B__typename%7D")).await.unwrap();
    assert_eq!(asked.json::<Value>().await.unwrap()["data"]["__typename"], "Query");
    let missing = reqwest::get(server.url("/api")).await.unwrap();
    assert_eq!(missing.status(), 404);
    assert!(missing.text().await.unwrap().contains("The API is at /graphql."));

    // A browser sends this for an address that a person has typed.
    let typed = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let browse = async |path: &str| client.get(server.url(path)).header("accept", typed).send().await.unwrap();
    assert_eq!(browse("/graphql").await.url().path(), "/graphiql");
    let answer = browse("/graphql?query=%7B__typename%7D").await;
    assert_eq!(answer.json::<Value>().await.unwrap()["data"]["__typename"], "Query");
    assert_eq!(reqwest::get(server.url("/graphql")).await.unwrap().status(), 400, "a program without a query");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_role_that_may_not_create_tables_finds_them_up_to_date() {
    let cluster = Cluster::start("-c fsync=off");
    let database = Database::at(cluster.url("postgres"));
    database.open().await;
    database
        .run(
            "CREATE ROLE clerk LOGIN;
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk;
             REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
        )
        .await;
    let clerk = Database::at(database.url.replace("promolink@", "clerk@"));
    assert!(text(&run(&["migrate", "--database-url", &clerk.url])).ends_with("is up to date\n"));
    let server = Server::serve(&clerk, &[("PROMOLINK_MIGRATE", "true")]);
    assert_eq!(reqwest::get(server.url("/ready")).await.unwrap().status(), 200);
    // Without the privilege to link, a server must get no requests.
    database.run("REVOKE INSERT ON promotions FROM clerk").await;
    let revoked = Instant::now();
    loop {
        let ready = reqwest::get(server.url("/ready")).await.unwrap();
        if ready.status() == 503 {
            break assert!(ready.text().await.unwrap().contains("may not change the tables"));
        }
        // A result is reused for a while.
        assert!(revoked.elapsed() < Duration::from_secs(5), "the server is still ready");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn dev_does_not_start_if_the_organisation_has_keys() {
    let database = Database::sqlite();
    database.open().await;
    database.key(ORG + 1, "admin");
    Server::start(&database).kill();
    database.key(ORG, "storefront");
    let output =
        program().args(["dev", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", &database.url).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && errors.contains("has API keys"), "{errors}");
}

#[test]
fn errors_are_one_sentence_without_secrets() {
    for (arguments, expected) in [
        (&["serve", "--database-url", "sqlite:/nowhere/at/all.db"][..], "run `promolink migrate`"),
        (&["serve", "--documents-only"], "--documents-only requires --documents"),
        (&["dev", "--listen", "0.0.0.0:0"], "loopback only"),
        (&["dev", "--database-url", "mysql://x"], "neither sqlite:PATH nor postgres://"),
        (
            &["migrate", "--database-url", "sqlite:/nowhere/at/all.db"],
            "cannot bring sqlite:/nowhere/at/all.db up to date",
        ),
        (&["dev", "--database-url", "postgres://me:secret@127.0.0.1:1/x"], "put the URL into DATABASE_URL"),
        (&["dev", "--listen", "127.0.0.1:0", "--database-url", "postgres://me@127.0.0.1:1/x"], "127.0.0.1:1/x"),
    ] {
        let output = run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
        assert!(!errors.contains("secret"), "{errors}");
    }
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

#[track_caller]
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs the `curl` command of a greeting as if it were pasted into a shell.
fn run_curl(greeting: &str) -> Value {
    let (_, command) = greeting.split_once("  curl ").unwrap();
    let (command, _) = command.split_once("\n\n").unwrap();
    let output = std::process::Command::new("sh").args(["-c", &format!("curl --silent {command}")]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

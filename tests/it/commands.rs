//! The command line, as its user sees it.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, code_of, on_both_databases, program};

on_both_databases! {
    async fn dev_starts_with_demo_data_and_keeps_what_was_linked(database: Database) {
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

    async fn migrate_applies_what_is_pending_once(database: Database) {
        let status = || run(&["migrate", "--status", "--database-url", &database.url]);
        let each = |state: &str| {
            let names = ["2026-11-23-100000_promotions", "2026-11-23-220000_credentials", "2026-11-27-000000_fold_codes"];
            names.map(|name| format!("{state} {name}\n")).concat()
        };
        assert_eq!(text(&status()), each("pending"));
        assert_eq!(text(&run(&["migrate", "--database-url", &database.url])), each("applied"));
        assert_eq!(text(&status()), each("applied"));
        assert!(text(&run(&["migrate", "--database-url", &database.url])).ends_with("is up to date\n"));
    }

    async fn several_processes_may_migrate_at_once(database: Database) {
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
async fn graphiql_opens_where_the_greeting_says() {
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
async fn dev_lets_nobody_into_an_organisation_that_has_keys() {
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
fn what_cannot_work_is_said_in_a_sentence() {
    for (arguments, expected) in [
        (&["serve", "--database-url", "sqlite:/nowhere/at/all.db"][..], "run `promolink migrate`"),
        (&["serve", "--documents-only"], "--documents-only wants --documents"),
        (&["dev", "--listen", "0.0.0.0:0"], "loopback alone"),
        (&["dev", "--database-url", "mysql://x"], "neither sqlite:PATH nor postgres://"),
        (
            &["migrate", "--database-url", "sqlite:/nowhere/at/all.db"],
            "cannot bring sqlite:/nowhere/at/all.db up to date",
        ),
        (&["dev", "--database-url", "postgres://me:secret@127.0.0.1:1/x"], "set DATABASE_URL instead"),
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

/// Runs the `curl` command of a greeting, as someone who pastes it would.
fn run_curl(greeting: &str) -> Value {
    let (_, command) = greeting.split_once("  curl ").unwrap();
    let (command, _) = command.split_once("\n\n").unwrap();
    let output = std::process::Command::new("sh").args(["-c", &format!("curl --silent {command}")]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

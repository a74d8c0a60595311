//! Classification of database errors by their codes, in any language of the server, and unavailable replicas.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    operations::{METRICS, metrics_of},
    support::{Caller, Cluster, Database, ORG, Server, campaign, code_of, on_both_databases},
};

on_both_databases! {
    async fn a_full_disk_is_reported_as_retryable_and_links_resume_once_there_is_space(database: Database) {
        database.seed(&[campaign("Spring").code("A", None)]).await;
        let key = database.key(ORG, "service");
        let server = Server::serve(&database, &[]);
        let caller = server.caller(&key);
        // SQLite's message for a full disk; PostgreSQL's can be in any language.
        let full = if database.url.starts_with("sqlite:") {
            "CREATE TRIGGER disk_is_full BEFORE INSERT ON promotions BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        } else {
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE 'auf dem Gerät ist kein Speicherplatz mehr verfügbar' USING ERRCODE = '53100'; END $$; \
             CREATE TRIGGER disk_is_full BEFORE INSERT ON promotions FOR EACH ROW EXECUTE FUNCTION full_disk()"
        };
        database.run(full).await;
        let link = "mutation { linkPromotionCode(input: { customerId: 1, code: \"A\", mode: DISCOUNT }) { id } }";
        let response = caller.request(&json!({ "query": link })).send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        let response: Value = response.json().await.unwrap();
        assert_eq!(code_of(&response), "OVERLOADED");
        assert_eq!(response["errors"][0]["extensions"]["retryable"], true);
        let started = Instant::now();
        loop {
            let ready = reqwest::get(server.url("/ready")).await.unwrap();
            if ready.status() == 503 {
                assert_eq!(ready.text().await.unwrap(), "not ready: the database has no space left\n");
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(5), "the server is still ready");
            sleep(Duration::from_millis(50)).await;
        }
        let room = if database.url.starts_with("sqlite:") { "" } else { " ON promotions" };
        database.run(&format!("DROP TRIGGER disk_is_full{room}")).await;
        assert_eq!(code_of(&caller.link(1, "A").await), "OK");
        while reqwest::get(server.url("/ready")).await.unwrap().status() != 200 {
            assert!(started.elapsed() < Duration::from_secs(20), "the server is not ready");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_errors_are_classified_by_code_in_every_language() {
    let database = Database::postgres();
    let transient =
        ["55P03", "57014", "40P01", "40001", "57P01", "57P02", "57P03", "08006", "25006", "53100", "53200", "53300"];
    let broken = ["P0001", "22012", "42501", "XX000"];
    let codes = transient.iter().chain(&broken);
    database.seed(&[codes.fold(campaign("Errors"), |campaign, code| campaign.code(code, None))]).await;
    database
        .run(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE 'etwas ging schief' USING ERRCODE = upper(NEW.folded); END $$; \
             CREATE TRIGGER fail BEFORE INSERT ON promotions FOR EACH ROW EXECUTE FUNCTION fail()",
        )
        .await;
    let server = Server::start(&database);
    for (codes, expected) in [(&transient[..], "OVERLOADED"), (&broken[..], "INTERNAL")] {
        for code in codes {
            assert_eq!(code_of(&server.link(1, code).await), expected, "{code}");
        }
    }
    // The log has the code, so that operators can look up the error.
    assert!(server.log().contains("(SQLSTATE XX000)"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_abort_twice_are_tried_three_times() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    // A rollback does not reset a sequence, so every third attempt succeeds.
    database
        .run(
            "CREATE SEQUENCE failures; \
             CREATE FUNCTION fails() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN IF nextval('failures') % 3 <> 0 \
             THEN RAISE 'abgebrochen' USING ERRCODE = '57P01'; END IF; RETURN true; END $$; \
             CREATE FUNCTION change_fails() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM fails(); RETURN NULL; END $$; \
             CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON promotion_codes \
             FOR EACH STATEMENT EXECUTE FUNCTION change_fails()",
        )
        .await;
    let campaigns = server.data("{ campaigns { nodes { id } } }", Value::Null).await;
    let import = "mutation($id: ID!) { importPromotionCodes(input: { campaignId: $id, codes: [\"B\"] }) { imported } }";
    let id = json!({ "id": campaigns["campaigns"]["nodes"][0]["id"] });
    assert_eq!(server.data(import, id).await["importPromotionCodes"]["imported"], 1);
    assert_eq!(code_of(&server.link(1, "A").await), "OK");
    let revoke = "mutation { revokePromotionCode(input: { code: \"B\", mode: DISCOUNT }) { code } }";
    server.data(revoke, Value::Null).await;
    database
        .run(
            "ALTER TABLE campaigns RENAME TO campaigns_; \
             CREATE VIEW campaigns AS SELECT * FROM campaigns_ WHERE (SELECT fails()); \
             ALTER TABLE promotion_codes RENAME TO promotion_codes_; \
             CREATE VIEW promotion_codes AS SELECT * FROM promotion_codes_ WHERE (SELECT fails())",
        )
        .await;
    server.data("{ campaigns { nodes { name } } }", Value::Null).await;
    let codes = server.data("{ promotionCodes(codes: [\"A\"], mode: DISCOUNT) { code } }", Value::Null).await;
    assert_eq!(codes["promotionCodes"][0]["code"], "A");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_read_from_the_primary_while_the_replica_is_unavailable() {
    let primary = Cluster::start("");
    let database = Database::at(primary.url("postgres"));
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let key = database.key(ORG, "admin");
    let mut follower = primary.replica();
    let url = follower.url("postgres");
    follower.stop();
    let server = Server::serve(&database, &[("READ_DATABASE_URL", &url), METRICS]);
    let caller = server.caller(&key);
    assert_reads(&caller).await;
    follower.start_again();
    wait_for_availability(&server, 1).await;
    assert_reads(&caller).await;
    let mut session = Database::at(url).session().await;
    let asked = "SELECT count(*) AS number FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    assert!(session.number(asked).await > 0, "the replica has no connections");
    drop(session);
    follower.stop();
    for _ in 0..20 {
        assert_reads(&caller).await;
    }
    wait_for_availability(&server, 0).await;
    assert_eq!(reqwest::get(server.url("/ready")).await.unwrap().status(), 200);
    let log = server.log();
    assert_eq!(log.matches("the replica is unavailable").count(), 2, "once at the start, once since: {log}");
    assert_eq!(log.matches("the replica is available again").count(), 1, "{log}");
}

async fn assert_reads(caller: &Caller) {
    let codes = caller.data("{ promotionCodes(codes: [\"A\"], mode: DISCOUNT) { code } }", Value::Null).await;
    assert_eq!(codes["promotionCodes"][0]["code"], "A");
}

/// Waits until the metrics report the replica as available (1) or unavailable (0).
async fn wait_for_availability(server: &Server, expected: u8) {
    let (line, started) = (format!("promolink_replica_available {expected}"), Instant::now());
    while !metrics_of(server).await.lines().any(|there| there == line) {
        assert!(started.elapsed() < Duration::from_secs(10), "{}", metrics_of(server).await);
        sleep(Duration::from_millis(50)).await;
    }
}

//! What only an embedded database has: it uses the server's threads, and it is a file.

#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Database, Server, campaign, code_of, program};

/// 5,000 active promotions of one customer: a search for an inactive one takes some milliseconds.
const HOLDS: &str = "
    WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < 4999)
    INSERT INTO promotion_codes (org_id, mode, folded, code, campaign_id, created_on, link_count)
        SELECT org_id, mode, 'c-' || number, 'C-' || number, id, 0, 1 FROM campaigns, numbers;
    INSERT INTO promotions (org_id, id, mode, folded, campaign_id, customer_id, created_on, redemption_count)
        SELECT org_id, randomblob(16), mode, folded, campaign_id, 7, 0, 0 FROM promotion_codes;";

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_the_database_occupy_no_threads() {
    const REQUESTS: usize = 300;
    let database = Database::sqlite();
    database.seed(&[campaign("Spring")]).await;
    database.run(HOLDS).await;
    let server = Server::start(&database);
    let look_up = "{ customerPromotions(customerId: 7, active: false) { nodes { id } } }";
    let look_ups = join_all((0..REQUESTS).map(|_| server.data(look_up, Value::Null)));
    let changes = join_all((0..REQUESTS).map(|_| server.redeem(7, "no such code", "order-1")));
    let (found, refused) = tokio::join!(look_ups, changes);
    assert!(found.iter().all(|data| data["customerPromotions"]["nodes"] == json!([])));
    assert!(refused.iter().all(|response| code_of(response) == "CODE_NOT_FOUND"));
    // Threads that are idle stay for ten seconds.
    assert!(server.threads() < 40, "{} threads", server.threads());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_can_access_a_new_database() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    server.link(1, "A").await;
    let files = ["", "-wal", "-shm"].map(|suffix| path(&database, suffix));
    assert_eq!(files.each_ref().map(mode), [0o600; 3], "{files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_database_keeps_its_file_mode() {
    let database = Database::sqlite();
    fs::write(path(&database, ""), "").unwrap();
    fs::set_permissions(path(&database, ""), fs::Permissions::from_mode(0o640)).unwrap();
    database.seed(&[campaign("Spring")]).await;
    assert_eq!(mode(&path(&database, "")), 0o640);
}

#[test]
fn a_database_in_another_encoding_is_rejected_unchanged() {
    let database = Database::sqlite();
    let mut connection = SqliteConnection::establish(&path(&database, "").to_string_lossy()).unwrap();
    connection.batch_execute("PRAGMA encoding = 'UTF-16le'; CREATE TABLE others (id INTEGER)").unwrap();
    drop(connection);
    let before = fs::read(path(&database, "")).unwrap();
    let output = program().arg("migrate").env("DATABASE_URL", &database.url).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("UTF-8 is required"), "{errors}");
    assert!(fs::read(path(&database, "")).unwrap() == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_by_whole_keys() {
    let database = Database::sqlite();
    let spring = campaign("Spring");
    let id = spring.campaign.id.get();
    database.seed(&[spring]).await;
    database.run(HOLDS).await;
    let server = Server::start_logging(&database, "promolink::sql=debug");
    let query = format!(
        "{{ campaigns(first: 1) {{ nodes {{ codes(first: 2) {{ nodes {{ campaign {{ id }} promotions {{ nodes {{
                redemptions {{ nodes {{ id }} }} customer {{ promotions(first: 2) {{ nodes {{ id }} }} }} }} }} }} }} }} }}
            campaign(id: \"{id}\") {{ id }} promotion(id: \"{id}\") {{ id }}
            promotionCodes(codes: [\"C-1\"], mode: DISCOUNT) {{ code }}
            customerPromotions(customerId: 7, active: true, mode: DISCOUNT) {{ nodes {{ id }} }} }}"
    );
    let already = server.log().lines().count();
    server.data(&query, Value::Null).await;
    let log = server.log();
    // Background tasks search the few webhook endpoints and feeds.
    let is_of_background = |line: &str| line.contains("webhook_endpoints") || line.contains("event_feeds");
    let of_request = log.lines().skip(already).filter(|line| !is_of_background(line));
    let statements = of_request.filter_map(|line| line.split_once("sql="));
    let plans: Vec<_> = statements.map(|(_, sql)| (sql, database.plan(sql.trim_matches('"')))).collect();
    assert!(plans.len() >= 8, "{plans:#?}");
    for (sql, plan) in plans {
        let tables = plan.iter().filter(|step| !step.contains("VIRTUAL TABLE") && !step.contains("(subquery-"));
        for step in tables.filter(|step| step.starts_with("SCAN") || step.starts_with("SEARCH")) {
            assert!(step.starts_with("SEARCH") && step.contains("(org_id=? AND "), "{step}: {sql}");
        }
    }
}

fn path(database: &Database, suffix: &str) -> PathBuf {
    format!("{}{suffix}", database.url.trim_start_matches("sqlite:")).into()
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

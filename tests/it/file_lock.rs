//! SQLite locks the whole file. Other programs that write to it, and imports of thousands of codes, must not block links
//! for long.

use std::{
    fmt::Write,
    fs,
    pin::pin,
    time::{Duration, Instant},
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, campaign, code_of, program};

#[tokio::test(flavor = "multi_thread")]
async fn requests_blocked_by_another_program_fail_soon_and_are_retryable() {
    const REQUESTS: i64 = 30;
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None).code("B", None)]).await;
    let server = Server::start(&database);
    assert_eq!(code_of(&server.link(1, "A").await), "OK");
    let mut program = SqliteConnection::establish(database.url.trim_start_matches("sqlite:")).unwrap();
    program.batch_execute("BEGIN IMMEDIATE").unwrap();

    let started = Instant::now();
    let links = join_all((0..REQUESTS).map(async |customer| {
        // Staggered, so that they don't all share a batch.
        tokio::time::sleep(Duration::from_millis(20 * customer.unsigned_abs())).await;
        server.link(customer, if customer % 2 == 0 { "A" } else { "B" }).await
    }));
    let redemptions = join_all((0..REQUESTS).map(|customer| server.redeem(customer, "A", "order-1")));
    let reads = async {
        let wallet = server.data("{ customerPromotions(customerId: 1) { nodes { id } } }", Value::Null).await;
        assert_eq!(wallet["customerPromotions"]["nodes"].as_array().unwrap().len(), 1);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    };
    let (linked, redeemed, ()) = tokio::join!(links, redemptions, reads);
    // The last link starts after 0.6 seconds and waits at most 1 second in the queue and 0.5 seconds for the lock.
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    for response in linked.iter().chain(&redeemed) {
        assert_eq!(code_of(response), "OVERLOADED", "{response:#}");
        assert_eq!(response["errors"][0]["extensions"]["retryable"], true);
    }

    program.batch_execute("ROLLBACK").unwrap();
    assert_eq!(code_of(&server.link(2, "A").await), "OK");
    assert_eq!(code_of(&server.redeem(2, "A", "order-1").await), "OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_waits_for_another_program_succeeds_when_it_finishes() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    let mut program = SqliteConnection::establish(database.url.trim_start_matches("sqlite:")).unwrap();
    program.batch_execute("BEGIN IMMEDIATE").unwrap();
    let done = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        program.batch_execute("ROLLBACK").unwrap();
    };
    let (linked, ()) = tokio::join!(server.link(1, "A"), done);
    assert_eq!(code_of(&linked), "OK");
}

/// Links sequentially while this work runs. Returns the latency of the slowest link as a share of the work's duration.
async fn slowest_link_during(server: &Server, work: impl Future) -> f32 {
    let (begun, mut slowest, mut done, mut customer) = (Instant::now(), Duration::ZERO, false, 0);
    let mut work = pin!(work);
    while !done {
        let started = Instant::now();
        done = tokio::select! {
            _ = &mut work => true,
            linked = server.link(customer, "A") => {
                assert_eq!(code_of(&linked), "OK");
                false
            }
        };
        slowest = slowest.max(started.elapsed());
        customer += 1;
    }
    slowest.as_secs_f32() / begun.elapsed().as_secs_f32()
}

#[tokio::test(flavor = "multi_thread")]
async fn links_proceed_between_the_batches_of_an_import() {
    let database = Database::sqlite();
    let spring = campaign("Spring").code("A", None);
    let id = spring.campaign.id.get().to_string();
    database.seed(&[spring]).await;
    let server = Server::start(&database);
    let mut shares = Vec::new();
    for run in 0..3 {
        let mut codes = "code\n".to_owned();
        for number in 0..50_000 {
            // Unordered, as generated codes are.
            writeln!(codes, "C-{run}-{}", number * 7_919 % 1_000_003).unwrap();
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, codes).unwrap();
        let mut command = program();
        command.args(["codes", "import", "--org", &ORG.to_string(), "--campaign", &id]).arg(file.path());
        command.env("DATABASE_URL", &database.url);
        let import = tokio::task::spawn_blocking(move || {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        });
        shares.push(slowest_link_during(&server, import).await);
    }
    assert!(shares.iter().any(|share| *share < 0.1), "a link waits for a large part of the import: {shares:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_proceed_between_the_batches_of_a_generation() {
    let database = Database::sqlite();
    let spring = campaign("Spring").code("A", None);
    let id = spring.campaign.id.get().to_string();
    database.seed(&[spring]).await;
    let server = Server::start(&database);
    let generate = "mutation($id: ID!) { generatePromotionCodes(input: { campaignId: $id, count: 10000 }) { codes } }";
    let mut shares = Vec::new();
    // Repeated, since the machine may be busy.
    for _ in 0..5 {
        shares.push(slowest_link_during(&server, server.data(generate, json!({ "id": id }))).await);
    }
    assert!(shares.iter().any(|share| *share < 0.3), "a link waits for a large part of the call: {shares:?}");
}

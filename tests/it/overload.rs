//! More concurrent requests than the limit: which are rejected, how quickly, and what is logged.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::operations::{METRICS, metrics_of};
use crate::support::{Database, ORG, Server, campaign, code_of, raw};

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_concurrency_limit_are_rejected_immediately() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("LOCKED", None)]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[METRICS, ("PROMOLINK_CONCURRENCY", "1")]);
    let caller = server.caller(&key);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded = 'locked' FOR UPDATE").await;
    let body = json!({ "query": "{ customerPromotions(customerId: 1) { nodes { id } } }" });
    let refused = async {
        wait_for_locks(&database, 1).await;
        let asked = Instant::now();
        let response = caller.request(&body).send().await.unwrap();
        assert!(asked.elapsed() < Duration::from_millis(250), "{:?}", asked.elapsed());
        assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        let errors: Value = response.json().await.unwrap();
        assert_eq!(code_of(&errors), "OVERLOADED");
        assert_eq!(errors["errors"][0]["extensions"]["retryable"], true);
    };
    tokio::join!(caller.link(1, "LOCKED"), refused);
    session.run("ROLLBACK").await;
    assert_eq!(caller.request(&body).send().await.unwrap().status(), 200);
    let metrics = metrics_of(&server).await;
    assert!(metrics.contains("promolink_refusals_total{limit=\"concurrency\"} 1"), "{metrics}");
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let reasons: Vec<Value> =
        lines.filter(|line| line["status"] == 503).map(|mut line| line["reason"].take()).collect();
    // The link failed too: its code was locked for too long.
    assert_eq!(reasons, ["no permit is free, and the caller has its share", "every field failed with OVERLOADED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_concurrency_limit_falls_under_overload_and_recovers() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("LOCKED", None)]).await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[METRICS, ("PROMOLINK_CONCURRENCY", "4")]);
    let caller = server.caller(&key);
    let body = json!({ "query": "{ customerPromotions(customerId: 1) { nodes { id } } }" });
    // Sends requests until the metric shows this limit.
    let ask_until = async |given: u32| {
        let wanted = format!("promolink_concurrency {given}");
        let started = Instant::now();
        while !metrics_of(&server).await.lines().any(|line| line == wanted) {
            assert!(started.elapsed() < Duration::from_secs(10), "the limit is not {given}");
            caller.request(&body).send().await.unwrap();
        }
    };
    ask_until(4).await;
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded = 'locked' FOR UPDATE").await;
    let links = join_all((0..4).map(|customer| caller.link(customer, "LOCKED")));
    let beside = async {
        // Until the links have their permits.
        tokio::time::sleep(Duration::from_millis(200)).await;
        ask_until(2).await;
        session.run("ROLLBACK").await;
    };
    tokio::join!(links, beside);
    ask_until(4).await;
    assert_eq!(caller.request(&body).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_rejected_requests_does_not_fill_the_log() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[METRICS]);
    let caller = server.caller("no key");
    for _ in 0..200 {
        assert_eq!(caller.request(&json!({ "query": "{ __typename }" })).send().await.unwrap().status(), 401);
    }
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(caller.request(&json!({ "query": "{ __typename }" })).send().await.unwrap().status(), 401);
    let log = server.log();
    let lines = log.lines().map(|line| serde_json::from_str(line).expect(line));
    let lines: Vec<Value> = lines.filter(|line: &Value| line["message"] == "answered").collect();
    let left_out: u64 = lines.iter().filter_map(|line| line["left_out"].as_u64()).sum();
    assert_eq!(left_out + lines.len() as u64, 201, "{log}");
    assert!(left_out > 100 && lines.iter().all(|line| line["reason"].is_string()), "{log}");
    let counted = "promolink_requests_total{operation=\"unnamed\",status=\"401\",error=\"UNAUTHENTICATED\"} 201";
    assert!(metrics_of(&server).await.contains(counted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_without_a_credential_does_not_fill_the_log_whatever_the_status() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[]);
    let kinds =
        [("GET /nothing", "", 404), ("DELETE /graphql", "", 405), ("GET /graphql", "accept: text/html\r\n", 406)];
    let ask = async |count: usize| {
        let asked = kinds.map(|(line, headers, _)| raw::pipeline(&server.address, line, headers, count));
        for ((_, _, status), responses) in kinds.iter().zip(join_all(asked).await) {
            assert_eq!(responses.matches(&format!("HTTP/1.1 {status}")).count(), count);
        }
    };
    let started = Instant::now();
    ask(3_000).await;
    let bytes = server.log().len();
    assert!(bytes < 100_000 * (1 + usize::try_from(started.elapsed().as_secs()).unwrap()), "{bytes} bytes");
    tokio::time::sleep(Duration::from_millis(150)).await;
    ask(1).await;
    let log = server.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for (_, _, status) in kinds {
        let of_status = lines.iter().filter(|line| line["status"] == status);
        let told: u64 = of_status.map(|line| 1 + line["left_out"].as_u64().unwrap()).sum();
        assert_eq!(told, 3_001, "{status}");
    }
}

/// Waits until this many sessions wait for locks.
async fn wait_for_locks(database: &Database, count: i64) {
    let mut session = database.session().await;
    let waiting = "SELECT count(*) AS number FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let started = Instant::now();
    while session.number(waiting).await < count {
        assert!(started.elapsed() < Duration::from_secs(10), "fewer than {count} sessions wait for locks");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

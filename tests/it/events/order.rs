//! Positions under load: without gaps, and visible in their order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use super::{FEED, run};
use crate::support::{Caller, Database, ORG, Server, campaign, code_of};

/// Follows the feed by position until it is told to stop and has read everything. Each page must continue the one before.
async fn follow(caller: Caller, stop: Arc<AtomicBool>) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        let position = events.len();
        let page = caller.data(FEED, json!({ "first": 100, "afterPosition": position })).await;
        let found = page["events"]["nodes"].as_array().unwrap();
        for (event, expected) in found.iter().zip(position + 1..) {
            assert_eq!(event["position"], expected);
        }
        events.extend(found.iter().cloned());
        if found.is_empty() {
            if is_last {
                return events;
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Two servers write, and readers at both follow.
async fn readers_miss_nothing(database: &Database, servers: &[Server], key: &str) {
    const CLIENTS: i64 = 16;
    const LINKS: i64 = 40;
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        servers.iter().map(|server| tokio::spawn(follow(server.caller(key), Arc::clone(&stop)))).collect();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let callers: Vec<Caller> = servers.iter().map(|server| server.caller(key)).collect();
        clients.spawn(async move {
            for (number, caller) in (0..LINKS).zip(callers.iter().cycle()) {
                // What depends on each other goes through different servers.
                let customer = client * LINKS + number;
                let linked = caller.link(customer, "MANY").await;
                assert_eq!(code_of(&linked), "OK", "{linked:#}");
                let other = &callers[usize::try_from(number + 1).unwrap() % callers.len()];
                let unlink = "mutation($id: ID!) { unlinkPromotion(id: $id) { id } }";
                other.data(unlink, json!({ "id": linked["data"]["linkPromotionCode"]["id"] })).await;
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        let events = reader.await.unwrap();
        let of_type = |wanted: &str| {
            events
                .iter()
                .filter(|event| event["type"] == wanted)
                .map(|event| event["data"]["id"].clone())
                .collect::<Vec<_>>()
        };
        let (linked, mut unlinked) = (of_type("PROMOTION_LINKED"), of_type("PROMOTION_UNLINKED"));
        assert_eq!(linked.len(), usize::try_from(CLIENTS * LINKS).unwrap());
        assert_eq!(unlinked.len(), linked.len());
        for (position, event) in events.iter().enumerate().filter(|(_, event)| event["type"] == "PROMOTION_UNLINKED") {
            let is_link =
                |other: &&Value| other["type"] == "PROMOTION_LINKED" && other["data"]["id"] == event["data"]["id"];
            assert!(events[..position].iter().any(|other| is_link(&other)), "unlinked before it was linked");
        }
        let times: Vec<i64> = events.iter().map(|event| event["occurredOn"].as_i64().unwrap()).collect();
        assert!(times.is_sorted());
        unlinked.dedup();
        assert_eq!(unlinked.len(), linked.len());
    }
    assert!(run(database, &["check"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_miss_nothing_while_one_server_writes_to_sqlite() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("MANY", None)]).await;
    let key = database.key(ORG, "admin");
    let servers = [Server::serve(&database, &[])];
    readers_miss_nothing(&database, &servers, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_miss_nothing_while_two_servers_write_to_postgres() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("MANY", None)]).await;
    let key = database.key(ORG, "admin");
    let servers = [Server::serve(&database, &[]), Server::serve(&database, &[])];
    readers_miss_nothing(&database, &servers, &key).await;
}

/// A transaction that commits late must not get a position below those that readers have seen, nor delay the others.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_long_transaction_follow_those_that_were_visible_before() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("MANY", None)]).await;
    let server = Server::start(&database);
    let mut session = database.session().await;
    let late = "BEGIN; INSERT INTO event_outbox (org_id, id, type, occurred_on, actor, subject_id, data) \
                VALUES (100458, gen_random_uuid(), 8, 1, 5, gen_random_uuid(), '{}')";
    session.run(late).await;
    assert_eq!(code_of(&server.link(1, "MANY").await), "OK");
    let before = super::events_after(&server, 2, 1).await;
    assert_eq!((&before[0]["type"], &before[0]["position"]), (&json!("PROMOTION_LINKED"), &json!(3)));
    session.run("COMMIT").await;
    // No server has written it: one that searches finds it.
    let after = super::events_after(&server, 3, 1).await;
    assert_eq!((&after[0]["type"], &after[0]["position"]), (&json!("CAMPAIGN_UPDATED"), &json!(4)));
    assert_eq!(after[0]["occurredOn"], before[0]["occurredOn"], "it does not occur earlier");
}

/// The planner's statistics of the outbox are mostly those of an empty table.
#[tokio::test(flavor = "multi_thread")]
async fn many_events_are_numbered_soon_whatever_the_statistics_say() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("MANY", None)]).await;
    let key = database.key(7, "admin");
    let mut session = database.session().await;
    session.run("VACUUM ANALYZE event_outbox").await;
    let server = Server::serve(&database, &[]);
    let many = "INSERT INTO event_outbox (org_id, id, type, occurred_on, actor, subject_id, data) \
                SELECT org_id, gen_random_uuid(), 8, 1, 5, gen_random_uuid(), '{}' \
                FROM generate_series(1, 20000), (VALUES (1), (2), (7)) AS orgs (org_id)";
    session.run(many).await;
    let last = "SELECT coalesce(min(last_position), 0) AS number FROM event_feeds WHERE org_id IN (1, 2, 7)";
    let started = std::time::Instant::now();
    while session.number(last).await < 20_000 {
        assert!(started.elapsed() < Duration::from_secs(30), "{}", session.number(last).await);
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(super::events_after(&server.caller(&key), 20_000, 1).await.len(), 1);
    assert_eq!(session.number("SELECT count(*) AS number FROM event_outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_feed_holds_up_only_its_own_organisation() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("MANY", None)]).await;
    let key = database.key(7, "admin");
    let server = Server::start(&database);
    let mut session = database.session().await;
    session.run("BEGIN; SELECT * FROM event_feeds WHERE org_id = 100458 FOR UPDATE").await;
    assert_eq!(code_of(&server.link(1, "MANY").await), "OK");
    // Another organisation's events go on, those of the locked one follow.
    let other = Server::serve(&database, &[]);
    let create = "mutation { createCampaign(input: { name: \"A\", mode: DISCOUNT, validTill: 4000000000000 }) { id } }";
    other.caller(&key).data(create, json!({})).await;
    assert_eq!(super::events_after(&other.caller(&key), 1, 1).await.len(), 1);
    session.run("COMMIT").await;
    assert_eq!(super::events_after(&server, 2, 1).await[0]["type"], "PROMOTION_LINKED");
}

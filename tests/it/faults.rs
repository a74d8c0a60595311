//! The guarantees under load and faults: a killed server, a killed database, servers that are replaced, and a row that
//! can't be written.

mod delivery;
mod errors;
mod failover;
mod load;
mod worker;

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use serde_json::{Value, json};
use tokio::time::sleep;

use self::{
    delivery::Delivery,
    load::{CODES, Load, assert_acknowledged, codes},
};
use crate::support::{Cluster, Database, LOCAL, ORG, Server, on_all_databases, on_both_databases, program};

on_all_databases! {
    /// Kills the server twenty times while 64 clients link. A receiver of webhooks has all events nevertheless.
    async fn no_acknowledged_link_is_lost_or_duplicated_when_the_server_is_killed(database: Database) {
        database.seed(&[codes()]).await;
        let key = database.key(ORG, "admin");
        let mut server = Server::serve(&database, &LOCAL);
        let port = server.address.rsplit(':').next().unwrap().to_owned();
        let delivery = Delivery::start(&server.caller(&key)).await;
        let load = Load::start(64, &key, &[&server.address]);
        for _ in 0..20 {
            load.wait_for_links(100).await;
            server.kill();
            server = Server::serve_at(&database, &port, &LOCAL);
        }
        load.wait_for_links(100).await;
        let acknowledged = load.stop().await;
        assert!(acknowledged.len() > 2000, "{}", acknowledged.len());
        assert_acknowledged(acknowledged, &server.caller(&key)).await;
        delivery.assert_complete(&server.caller(&key)).await;
        server.stop();
        assert_sound(&database);
    }
}

on_both_databases! {
    /// The database rejects one of many links in a transaction.
    async fn a_row_that_cannot_be_written_does_not_fail_the_others(database: Database) {
        database.seed(&[codes().code("POISON", None)]).await;
        poison(&database).await;
        let server = Server::start(&database);
        let link = |code: String| json!({ "customerId": 1, "code": code, "mode": "DISCOUNT" });
        let mut input: Vec<Value> = (0..CODES).map(|number| link(format!("CODE-{number}"))).collect();
        input.insert(CODES / 2, link("POISON".to_owned()));
        let query = "mutation($input: [LinkPromotionCodeInput!]!) { linkPromotionCodes(input: $input)
            { promotion { code } error { code } } }";
        let results = server.data(query, json!({ "input": input })).await["linkPromotionCodes"].take();
        for (position, result) in results.as_array().unwrap().iter().enumerate() {
            let error = if position == CODES / 2 { json!("INTERNAL") } else { Value::Null };
            assert_eq!(result["error"].get("code").unwrap_or(&Value::Null), &error, "{position}");
            assert_eq!(result["promotion"].is_null(), !error.is_null(), "{position}");
        }
        server.stop();
        assert_sound(&database);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_link_is_lost_or_duplicated_when_postgres_is_killed() {
    let mut cluster = Cluster::start("-c max_connections=100");
    let database = Database::at(cluster.url("postgres"));
    database.seed(&[codes()]).await;
    let key = database.key(ORG, "admin");
    let [server, other] = [(); 2].map(|()| Server::serve(&database, &LOCAL));
    let delivery = Delivery::start(&server.caller(&key)).await;
    let load = Load::start(64, &key, &[&server.address, &other.address]);
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        load.wait_for_links(100).await;
        cluster.stop();
        let before = load.overloaded.load(Ordering::Relaxed);
        let stopped = Instant::now();
        while load.overloaded.load(Ordering::Relaxed) == before {
            assert!(stopped.elapsed() < Duration::from_secs(30), "no client receives OVERLOADED");
            sleep(Duration::from_millis(1)).await;
        }
        let ready = reqwest::get(server.url("/ready")).await.unwrap();
        assert_eq!(ready.text().await.unwrap(), "not ready: the database can't be reached\n");
        cluster.start_again();
        let back = Instant::now();
        load.wait_for_links(1).await;
        slowest = slowest.max(back.elapsed());
    }
    println!("longest time from the restart of PostgreSQL to a link: {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let acknowledged = load.stop().await;
    assert_acknowledged(acknowledged, &server.caller(&key)).await;
    delivery.assert_complete(&server.caller(&key)).await;
    drop(other);
    server.stop();
    assert_sound(&database);
}

/// Two servers on one database share its numbering of events and its webhooks. One is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_or_repeated_when_one_of_two_servers_is_killed() {
    let database = Database::postgres();
    database.seed(&[codes()]).await;
    let key = database.key(ORG, "admin");
    let [steady, mut other] = [(); 2].map(|()| Server::serve(&database, &LOCAL));
    let port = other.address.rsplit(':').next().unwrap().to_owned();
    let delivery = Delivery::start(&steady.caller(&key)).await;
    let load = Load::start(64, &key, &[&steady.address, &other.address]);
    for _ in 0..10 {
        load.wait_for_links(200).await;
        other.kill();
        other = Server::serve_at(&database, &port, &LOCAL);
    }
    load.wait_for_links(200).await;
    let acknowledged = load.stop().await;
    assert_acknowledged(acknowledged, &steady.caller(&key)).await;
    delivery.assert_complete(&steady.caller(&key)).await;
    drop(other);
    steady.stop();
    assert_sound(&database);
}

/// Two servers behind a load balancer, which sends requests to ready servers, are replaced one at a time.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_servers_are_replaced() {
    let database = Database::postgres();
    database.seed(&[codes()]).await;
    let key = database.key(ORG, "service");
    let start = || Server::serve(&database, &[("PROMOLINK_SHUTDOWN_DELAY", "1s")]);
    let mut servers = [start(), start()];
    let load = Load::start(64, &key, &[&servers[0].address, &servers[1].address]);
    for turn in 0..4 {
        load.wait_for_links(200).await;
        let new = start();
        let address = new.address.clone();
        let old = std::mem::replace(&mut servers[turn % 2], new);
        old.ask_to_end();
        load.replace(turn % 2, &address).await;
        assert_eq!(old.ended(), Some(0));
    }
    load.wait_for_links(200).await;
    let failed = load.failed.load(Ordering::Relaxed) + load.overloaded.load(Ordering::Relaxed);
    let acknowledged = load.stop().await;
    assert_eq!(failed, 0, "of {} links", acknowledged.len());
    assert_acknowledged(acknowledged, &servers[0].caller(&key)).await;
    assert_sound(&database);
}

fn assert_sound(database: &Database) {
    let output = program().arg("check").env("DATABASE_URL", &database.url).output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !found.contains("noted"), "{found}");
}

/// Makes the database reject holds on one code.
async fn poison(database: &Database) {
    if let Some(path) = database.url.strip_prefix("sqlite:") {
        let mut connection = SqliteConnection::establish(path).unwrap();
        let trigger = "CREATE TRIGGER poison BEFORE INSERT ON promotions WHEN NEW.folded = 'poison' \
                       BEGIN SELECT RAISE(ABORT, 'poison'); END";
        connection.batch_execute(trigger).unwrap();
    } else {
        let trigger = "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS \
                       $$ BEGIN IF NEW.folded = 'poison' THEN RAISE 'poison'; END IF; RETURN NEW; END $$; \
                       CREATE TRIGGER poison BEFORE INSERT ON promotions FOR EACH ROW EXECUTE FUNCTION poison()";
        database.run(trigger).await;
    }
}

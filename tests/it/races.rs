//! Concurrent requests: exactly as many succeed as the limits permit.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

use crate::support::{Database, Server, campaign, code_of, on_all_databases};

on_all_databases! {
    async fn exactly_max_links_of_500_concurrent_links_succeed(database: Database) {
        database.seed(&[campaign("Race").code("ONE", Some(1)).code("HUNDRED", Some(100))]).await;
        let servers = [Arc::new(Server::start(&database))];
        assert_eq!(race(&servers, "ONE").await, counts([("OK", 1), ("CODE_ALREADY_LINKED", 499)]));
        assert_eq!(race(&servers, "HUNDRED").await, counts([("OK", 100), ("LINK_LIMIT_REACHED", 400)]));
    }

    async fn a_hundred_concurrent_requests_redeem_one_use_once(database: Database) {
        database.seed(&[campaign("Race").code("SAME", None).code("DIFFERENT", None)]).await;
        let server = Arc::new(Server::start(&database));
        for code in ["SAME", "DIFFERENT"] {
            assert_eq!(code_of(&server.link(1, code).await), "OK");
        }
        let redeem = |code: &'static str, transaction: String| {
            let server = Arc::clone(&server);
            async move { server.redeem(1, code, &transaction).await }
        };
        let same = (0..100).map(|_| redeem("SAME", "order".to_owned())).collect::<JoinSet<_>>().join_all().await;
        assert_eq!(code_of(&same[0]), "OK");
        assert!(same.iter().all(|answer| *answer == same[0]), "all hundred responses are equal");

        let different = (0..100).map(|number| redeem("DIFFERENT", format!("order-{number}")));
        let mut outcomes = BTreeMap::new();
        for answer in different.collect::<JoinSet<_>>().join_all().await {
            *outcomes.entry(code_of(&answer).to_owned()).or_default() += 1;
        }
        assert_eq!(outcomes, counts([("OK", 1), ("REDEMPTION_LIMIT_REACHED", 99)]));
    }

    async fn one_transaction_id_redeems_one_of_many_promotions(database: Database) {
        database.seed(&[(0..50).fold(campaign("Race"), |race, number| race.code(&format!("R-{number}"), None))]).await;
        let server = Arc::new(Server::start(&database));
        let mut racers = JoinSet::new();
        for number in 0..50 {
            let server = Arc::clone(&server);
            racers.spawn(async move {
                let code = format!("R-{number}");
                assert_eq!(code_of(&server.link(1, &code).await), "OK");
                code_of(&server.redeem(1, &code, "order").await).to_owned()
            });
        }
        let mut outcomes = BTreeMap::new();
        for outcome in racers.join_all().await {
            *outcomes.entry(outcome).or_default() += 1;
        }
        assert_eq!(outcomes, counts([("OK", 1), ("TRANSACTION_ID_REUSED", 49)]));
    }

    async fn a_customer_limit_holds_for_concurrent_links_of_different_codes(database: Database) {
        database.seed(&[many_codes_five_each()]).await;
        let servers = [Arc::new(Server::start(&database))];
        assert_eq!(race_of_one_customer(&servers).await, counts([("OK", 5), ("CUSTOMER_LIMIT_REACHED", 495)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_one_postgres_share_the_limits() {
    let database = Database::postgres();
    database.seed(&[campaign("Race").code("ONE", Some(1)).code("HUNDRED", Some(100)), many_codes_five_each()]).await;
    let servers = [Arc::new(Server::start(&database)), Arc::new(Server::start(&database))];
    assert_eq!(race(&servers, "ONE").await, counts([("OK", 1), ("CODE_ALREADY_LINKED", 499)]));
    assert_eq!(race(&servers, "HUNDRED").await, counts([("OK", 100), ("LINK_LIMIT_REACHED", 400)]));
    assert_eq!(race_of_one_customer(&servers).await, counts([("OK", 5), ("CUSTOMER_LIMIT_REACHED", 495)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_contend_for_one_code_both_make_progress() {
    let database = Database::postgres();
    database.seed(&[campaign("Race").code("HOT", None)]).await;
    let servers = [Server::start(&database), Server::start(&database)].map(Arc::new);
    let mut clients = JoinSet::new();
    for client in 0..64 {
        let server = Arc::clone(&servers[client % 2]);
        clients.spawn(async move {
            let (started, mut linked) = (Instant::now(), 0);
            while started.elapsed() < Duration::from_secs(2) {
                assert_eq!(code_of(&server.link(client * 10_000 + linked, "HOT").await), "OK");
                linked += 1;
            }
            linked
        });
    }
    let linked = clients.join_all().await;
    println!("{} links", linked.iter().sum::<usize>());
    assert!(linked.iter().all(|linked| *linked >= 5), "{linked:?}");
}

fn many_codes_five_each() -> crate::support::TestCampaign {
    let limited = campaign("Five each").with(|campaign| campaign.max_links_per_customer = Some(5));
    (0..500).fold(limited, |campaign, number| campaign.code(&format!("LIMITED-{number}"), Some(1)))
}

/// Five hundred customers link a code concurrently, spread over the servers. Returns the count of each outcome.
async fn race(servers: &[Arc<Server>], code: &str) -> BTreeMap<String, usize> {
    outcomes(servers, |number| (number, code.to_owned())).await
}

/// One customer links five hundred codes concurrently.
async fn race_of_one_customer(servers: &[Arc<Server>]) -> BTreeMap<String, usize> {
    outcomes(servers, |number| (9_999, format!("LIMITED-{number}"))).await
}

async fn outcomes(servers: &[Arc<Server>], request: impl Fn(usize) -> (usize, String)) -> BTreeMap<String, usize> {
    let mut racers = JoinSet::new();
    for number in 0..500 {
        let server = Arc::clone(&servers[number % servers.len()]);
        let (customer, code) = request(number);
        racers.spawn(async move {
            loop {
                let outcome = code_of(&server.link(customer, &code).await).to_owned();
                // A debug build beside other tests may not serve all of them within a second. It has done nothing then.
                if outcome != "OVERLOADED" {
                    break outcome;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
    }
    let mut counts = BTreeMap::new();
    for outcome in racers.join_all().await {
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(outcome, count)| (outcome.to_owned(), count)).collect()
}

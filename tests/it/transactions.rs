//! How links end their transactions on PostgreSQL, and the effect of other transactions on them.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use promolink::promotions::OrgId;
use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use crate::support::{Caller, Database, ORG, Server, campaign, code_of, in_days};

/// After a row was locked, a COMMIT waits for the disk, and its duration would reveal which codes exist.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_links_nothing_is_rolled_back() {
    let database = Database::postgres();
    let off = campaign("Off").with(|campaign| campaign.active = false).code("OFF", None);
    let spring = campaign("Spring").code("TAKEN", Some(1)).revoked_code("REVOKED");
    database.seed(&[spring, off]).await;
    let server = Server::start(&database);
    assert_eq!(code_of(&server.link(1, "TAKEN").await), "OK");
    let mut session = database.session().await;
    let rolled_back = "SELECT xact_rollback AS number FROM pg_stat_database WHERE datname = current_database()";
    let before = session.number(rolled_back).await;
    let links = [
        (1, "TAKEN", "OK"),
        (2, "TAKEN", "CODE_ALREADY_LINKED"),
        (1, "UNKNOWN", "CODE_NOT_FOUND"),
        (1, "REVOKED", "CODE_REVOKED"),
        (1, "OFF", "PROMOTION_INACTIVE"),
    ];
    for (customer, code, outcome) in links {
        assert_eq!(code_of(&server.link(customer, code).await), outcome);
    }
    // Sessions report statistics when they end.
    server.stop();
    let asked = Instant::now();
    while session.number(rolled_back).await < before + i64::try_from(links.len()).unwrap() {
        assert!(asked.elapsed() < Duration::from_secs(10), "{} rollbacks", session.number(rolled_back).await - before);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_a_locked_code_neither_delay_others_nor_use_up_their_rate_limit() {
    const CLIENTS: usize = 4;
    const LINKS: usize = 50;
    let database = Database::postgres();
    let codes = (0..CLIENTS * LINKS)
        .fold(campaign("Spring").code("LOCKED", None), |campaign, n| campaign.code(&format!("FREE-{n}"), Some(1)));
    database.seed(&[codes]).await;
    // Enough for the clients and one link of the locked code.
    let server = Server::serve(&database, &[("PROMOLINK_LIMITS", "storefront.failed-links=5")]);
    let storefront = server.caller(&database.key(ORG, "storefront"));
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotion_codes WHERE folded = 'locked' FOR UPDATE").await;

    let mut stream = JoinSet::new();
    for customer in 0..8 {
        let service = server.caller(&database.key(ORG, "service"));
        stream.spawn(async move {
            loop {
                assert_retryable(&service.link(customer, "LOCKED").await);
            }
        });
    }
    let failing = storefront.link(99, "LOCKED");
    let others = join_all((0..CLIENTS).map(|client| link_in_turn(&storefront, client * LINKS..(client + 1) * LINKS)));
    let (failed, slowest) = tokio::join!(failing, others);
    let slowest = slowest.into_iter().max().unwrap();
    println!("the slowest of the others took {slowest:?}");
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    assert_retryable(&failed);
    assert!(stream.try_join_next().is_none(), "a link of the locked code got an unexpected response");
    stream.shutdown().await;

    session.run("ROLLBACK").await;
    assert_eq!(code_of(&server.caller(&database.key(ORG, "service")).link(1, "LOCKED").await), "OK");
    for (guess, outcome) in ["CODE_NOT_USABLE"; 4].into_iter().chain(["RATE_LIMITED"]).enumerate() {
        assert_eq!(code_of(&storefront.link(guess + 100, "GUESS").await), outcome, "the locked code used one of five");
    }
}

/// Links these codes, one after the other. Returns the duration of the slowest link.
async fn link_in_turn(caller: &Caller, codes: std::ops::Range<usize>) -> Duration {
    let mut slowest = Duration::ZERO;
    for code in codes {
        let asked = Instant::now();
        assert_eq!(code_of(&caller.link(code, &format!("FREE-{code}")).await), "OK");
        slowest = slowest.max(asked.elapsed());
    }
    slowest
}

fn assert_retryable(response: &serde_json::Value) {
    assert_eq!(code_of(response), "OVERLOADED");
    assert_eq!(response["errors"][0]["extensions"]["retryable"], json!(true));
}

/// Another transaction has locked the code, and adds a hold of the same customer, after the link began to read.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_added_while_a_link_waits_for_the_code_is_returned() {
    const ID: &str = "01a219bd-a6b0-7198-b249-321b80c18c9d";
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("SHARED", Some(5))]).await;
    let server = Server::start(&database);
    let mut session = database.session().await;
    let link = format!(
        "BEGIN; UPDATE promotion_codes SET link_count = 1 WHERE folded = 'shared';
         INSERT INTO promotions (org_id, id, mode, folded, campaign_id, customer_id, created_on)
             SELECT org_id, '{ID}', mode, folded, campaign_id, 7, 0 FROM promotion_codes WHERE folded = 'shared'"
    );
    session.run(&link).await;
    let linking = async {
        let linked = server.link(7, "SHARED").await;
        assert_eq!(linked["data"]["linkPromotionCode"]["id"], ID, "{linked}");
    };
    let committing = async {
        sleep(Duration::from_millis(200)).await;
        session.run("COMMIT").await;
    };
    tokio::join!(linking, committing);
}

/// Servers of the version before lock customers by advisory locks.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_that_an_earlier_version_has_locked_is_waited_for() {
    let database = Database::postgres();
    let limited = campaign("Two each").with(|campaign| campaign.max_links_per_customer = Some(2));
    database.seed(&[limited.code("A", None).code("B", None)]).await;
    let server = Server::start(&database);
    assert_eq!(code_of(&server.link(7, "A").await), "OK");
    let mut session = database.session().await;
    session.run("BEGIN; SELECT pg_advisory_xact_lock(-number) FROM generate_series(1, 2048) AS number").await;
    assert_retryable(&server.link(7, "B").await);
    session.run("COMMIT").await;
    assert_eq!(code_of(&server.link(7, "B").await), "OK");
}

/// The locks of earlier versions have no organisation. Customers of two organisations share some of them, in any order.
#[tokio::test(flavor = "multi_thread")]
async fn links_of_limited_customers_of_two_organisations_do_not_deadlock() {
    let database = Database::postgres();
    let store = database.open().await;
    let mut keys = Vec::new();
    for number in 1..=2 {
        let org = OrgId::try_from(number).unwrap();
        let limited = campaign("Two each").with(|campaign| {
            campaign.org = org;
            campaign.max_links_per_customer = Some(2);
        });
        let limited = (0..400).fold(limited, |limited, code| limited.code(&format!("C-{code}"), None));
        assert!(store.seed(org, &[limited.campaign.into()], &limited.codes, in_days(-2)).await.unwrap());
        keys.push(database.key(number, "service"));
    }
    let servers = [(); 2].map(|()| Server::serve(&database, &[]));
    let mut clients = JoinSet::new();
    for (key, code) in keys.iter().cycle().zip(0..400) {
        let caller = servers[code % 2].caller(key);
        clients.spawn(async move { code_of(&caller.link(code, &format!("C-{code}")).await).to_owned() });
    }
    let outcomes = clients.join_all().await;
    assert!(outcomes.iter().all(|outcome| outcome == "OK"), "{outcomes:?}");
    for server in servers {
        assert!(!server.log().contains("lock"), "{}", server.log());
    }
}

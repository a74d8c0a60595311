//! Budgets of failed links that the servers of a PostgreSQL database share.

use crate::support::{Caller, Database, ORG, Server, campaign, code_of};

const BUDGET: usize = 20;

const LIMITS: (&str, &str) = ("PROMOLINK_LIMITS", "storefront.failed-links=20,storefront.links=none");

/// Tries codes by turns on two servers. Returns how many of them were looked up.
async fn guess(servers: [&Caller; 2], from: i64, guesses: usize) -> usize {
    let mut looked_up = 0;
    for (guess, customer) in (0..guesses).zip(from..) {
        let response = servers[guess % 2].link(customer, &format!("GUESS-{guess}")).await;
        match code_of(&response) {
            "CODE_NOT_USABLE" => looked_up += 1,
            code => assert_eq!(code, "RATE_LIMITED", "{response}"),
        }
    }
    looked_up
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_has_one_budget_on_all_servers_and_after_a_restart() {
    a_guesser_has_one_budget(Database::postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Citus cluster: TEST_CITUS_URL=postgres://... tests/run citus"]
async fn a_guesser_has_one_budget_on_all_servers_on_citus() {
    a_guesser_has_one_budget(Database::citus()).await;
}

async fn a_guesser_has_one_budget(database: Database) {
    database.seed(&[campaign("Spring").code("FREE", None)]).await;
    let (key, other) = (database.key(ORG, "storefront"), database.key(ORG, "storefront"));
    let servers = [Server::serve(&database, &[LIMITS]), Server::serve(&database, &[LIMITS])];
    let [one, two] = [0, 1].map(|number| servers[number].caller(&key));
    let looked_up = guess([&one, &two], 1, 3 * BUDGET).await;
    // A server learns of failures on the other one by its own, so it may look up one more.
    assert!((BUDGET..=BUDGET + 1).contains(&looked_up), "{looked_up}");
    assert_eq!(code_of(&one.link(1_000, "FREE").await), "RATE_LIMITED");

    // A new server has not counted anything itself.
    let third = Server::serve(&database, &[LIMITS]);
    let three = third.caller(&key);
    assert!(guess([&three, &three], 500, BUDGET).await <= 1);

    // The budget of another credential is full.
    let unaffected = [0, 1].map(|number| servers[number].caller(&other));
    assert_eq!(code_of(&unaffected[0].link(2_000, "FREE").await), "OK");
    assert_eq!(guess([&unaffected[0], &unaffected[1]], 3_000, 10).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_counts_for_itself_if_the_shared_budgets_cannot_be_used() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("FREE", None)]).await;
    let key = database.key(ORG, "storefront");
    let servers = [Server::serve(&database, &[LIMITS]), Server::serve(&database, &[LIMITS])];
    database.run("DROP TABLE failed_link_budgets").await;
    let [one, two] = [0, 1].map(|number| servers[number].caller(&key));
    assert_eq!(code_of(&one.link(1, "FREE").await), "OK");
    assert_eq!(guess([&one, &two], 10, 3 * BUDGET).await, 2 * BUDGET);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_succeed_leave_the_shared_budgets_alone() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("FREE", None)]).await;
    let server = Server::serve(&database, &[("RUST_LOG", "promolink::sql=debug")]);
    let storefront = server.caller(&database.key(ORG, "storefront"));
    for customer in 1..=5 {
        assert_eq!(code_of(&storefront.link(customer, "FREE").await), "OK");
    }
    assert!(!server.log().contains("INSERT INTO failed_link_budgets"));
    assert_eq!(code_of(&storefront.link(1, "NONE").await), "CODE_NOT_USABLE");
    assert!(server.log().contains("INSERT INTO failed_link_budgets"));
}

//! Distributing the tables over the servers of a Citus cluster, and servers of Promolink on different ones.

use std::{collections::BTreeMap, process::Output, sync::Arc};

use promolink::promotions::OrgId;
use tokio::task::JoinSet;

use crate::support::{Database, Server, campaign, code_of, in_days, on_both_databases, program};

on_both_databases! {
    async fn tables_are_not_distributed_without_citus(database: Database) {
        let output = distribute(&database.url);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        let reason = if database.url.starts_with("sqlite") { "SQLite is one file" } else { "CREATE EXTENSION citus" };
        assert!(errors.contains("cannot distribute the tables") && errors.contains(reason), "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Citus cluster: TEST_CITUS_URL=postgres://... tests/run citus"]
async fn only_tables_that_are_not_distributed_are_distributed_on_citus() {
    let database = Database::citus();
    let reported =
        |output: Output| String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    let again = reported(distribute(&database.url));
    assert!(again.ends_with("are distributed\n") && !again.contains("distributing"), "{again}");
    database.run("SELECT undistribute_table('customer_locks')").await;
    let serving =
        program().args(["serve", "--listen", "127.0.0.1:0"]).env("DATABASE_URL", &database.url).output().unwrap();
    assert_eq!(serving.status.code(), Some(1));
    let errors = reported(serving);
    assert!(errors.contains("some tables are distributed and others are not"), "{errors}");
    let migrated = program().arg("migrate").env("DATABASE_URL", &database.url).output().unwrap();
    assert!(migrated.status.success());
    assert!(!reported(distribute(&database.url)).contains("distributing"), "`migrate` has distributed the rest");
    let on_worker = distribute(database.url_of_server());
    assert_eq!(on_worker.status.code(), Some(1));
    let errors = reported(on_worker);
    assert!(errors.contains("through the coordinator"), "{errors}");
}

fn distribute(url: &str) -> Output {
    program().args(["migrate", "--distribute"]).env("DATABASE_URL", url).output().unwrap()
}

/// In each of eight organisations, forty customers want one code, and one customer wants twenty of which three are permitted.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Citus cluster: TEST_CITUS_URL=postgres://... tests/run citus"]
async fn servers_on_different_nodes_share_the_limits_on_citus() {
    let database = Database::citus();
    let store = database.open().await;
    let mut keys = Vec::new();
    for number in 1..=8 {
        let org = OrgId::try_from(number).unwrap();
        let race = campaign("Race").with(|campaign| campaign.org = org).code("ONE", Some(1));
        let limited = campaign("Three each").with(|campaign| {
            campaign.org = org;
            campaign.max_links_per_customer = Some(3);
        });
        let limited = (0..20).fold(limited, |limited, number| limited.code(&format!("LIMITED-{number}"), None));
        let campaigns = [race.campaign.into(), limited.campaign.into()];
        assert!(store.seed(org, &campaigns, &[race.codes, limited.codes].concat(), in_days(-2)).await.unwrap());
        keys.push(database.key(number, "service"));
    }
    let servers = [(); 2].map(|()| Server::serve(&database, &[]));
    let mut racers = JoinSet::new();
    for (org, key) in keys.iter().enumerate() {
        let callers = servers.each_ref().map(|server| Arc::new(server.caller(key)));
        let requests = (0..40).map(|customer| (customer, "ONE".to_owned()));
        let requests = requests.chain((0..20).map(|number| (1_000, format!("LIMITED-{number}"))));
        for (number, (customer, code)) in requests.enumerate() {
            let caller = Arc::clone(&callers[number % 2]);
            racers.spawn(async move {
                loop {
                    let outcome = code_of(&caller.link(customer, &code).await).to_owned();
                    // It has done nothing then.
                    if outcome != "OVERLOADED" {
                        break (org, outcome);
                    }
                }
            });
        }
    }
    let mut outcomes: BTreeMap<usize, BTreeMap<String, usize>> = BTreeMap::new();
    for (org, outcome) in racers.join_all().await {
        *outcomes.entry(org).or_default().entry(outcome).or_default() += 1;
    }
    let expected = [("CODE_ALREADY_LINKED", 39), ("CUSTOMER_LIMIT_REACHED", 17), ("OK", 4)];
    let expected = expected.map(|(outcome, count)| (outcome.to_owned(), count)).into();
    assert!(outcomes.len() == 8 && outcomes.values().all(|of_org| *of_org == expected), "{outcomes:?}");
    let checked = program().arg("check").env("DATABASE_URL", &database.url).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

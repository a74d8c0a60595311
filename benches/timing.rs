//! `cargo bench --bench timing`: how long a customer waits for codes that can't be linked, by the reason that the response
//! conceals. If the times depend on the reason, the customer can tell unknown codes from taken ones.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

mod support;

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use clap::Parser;

use support::{Arguments, Client, Codes, Databases, FIRST_CODE, Latencies, Server, issuer};

/// Clients that ask concurrently.
const CLIENTS: u64 = 16;

/// The codes of each reason.
const CODES: u64 = 1_000;

const REASONS: [&str; 3] = ["unknown", "taken", "revoked"];

const ACTIONS: [(&str, &str); 2] = [
    ("link", "mutation Ask($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }"),
    (
        "check",
        "query Ask($input: LinkPromotionCodeInput!) { checkPromotionCode(input: $input) { linkable error { code } } }",
    ),
];

fn main() {
    let rounds = if Arguments::parse().quick { 100 } else { 500 };
    let databases = Databases::start();
    // The codes after these are unknown.
    let url = databases.copy(&databases.template(Codes { count: 2 * CODES, orgs: 1 }));
    databases.sql(
        "run",
        &format!(
            "UPDATE promotion_codes SET revoked_on = 1 WHERE folded::bigint >= {FIRST_CODE} + {CODES};
             UPDATE promotion_codes SET link_count = 1 WHERE revoked_on IS NULL;
             INSERT INTO promotions (org_id, id, mode, folded, campaign_id, customer_id, created_on)
                 SELECT org_id, lpad(folded, 32, '0')::uuid, mode, folded, campaign_id, 1, 0
                 FROM promotion_codes WHERE revoked_on IS NULL;
             VACUUM (FREEZE, ANALYZE);"
        ),
    );
    let limits = (
        "PROMOLINK_LIMITS",
        "customer.operations=none,customer.links=none,customer.failed-links=none,customer.failed-links-per-customer=none",
    );
    let server = Server::with_default_limits(&url, &[&issuer::VARIABLES[..], &[limits]].concat());
    for (action, document) in ACTIONS {
        let times = measure(&server, document, rounds);
        println!("\n| {action}, reason | requests | p50 ms | p90 ms | difference to unknown | by chance at most |");
        println!("|---|---:|---:|---:|---:|---:|");
        for (reason, sample) in REASONS.iter().zip(&times) {
            println!(
                "| {reason} | {} | {:.2} | {:.2} | {:.3} | {:.3} |",
                sample.count(),
                sample.quantile(0.5),
                sample.quantile(0.9),
                sample.difference(&times[0]),
                sample.difference_by_chance(),
            );
        }
    }
}

/// The times of responses, for each reason. Each client takes the reasons in turn.
fn measure(server: &Server, document: &str, rounds: u64) -> [Latencies; REASONS.len()] {
    let times: [RefCell<Vec<Duration>>; REASONS.len()] = Default::default();
    let clients = (0..CLIENTS).map(async |client| {
        let mut connection = Client::connect(&server.address).await;
        for round in 0..rounds {
            for step in 0..REASONS.len() {
                let reason = (step + usize::try_from(round + client).unwrap()) % REASONS.len();
                let block = [2 * CODES, 0, CODES][reason];
                let code = FIRST_CODE + block + (round * CLIENTS + client) % CODES;
                // Another customer for each client: requests of one customer wait for each other.
                let customer = 2 + client;
                let token = issuer::token(1, customer.try_into().unwrap());
                let body = format!(
                    r#"{{"query":"{document}","variables":{{"input":{{"customerId":{customer},"code":"{code}","mode":"DISCOUNT"}}}}}}"#
                );
                let asked = Instant::now();
                let response = connection.send(&token, &body).await;
                times[reason].borrow_mut().push(asked.elapsed());
                assert!(response.contains("CODE_NOT_USABLE"), "{response}");
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(futures_util::future::join_all(clients));
    times.map(|times| Latencies::new(times.into_inner(), Duration::from_secs(1)))
}

//! `cargo bench --bench soak`: valid and hostile requests of all kinds, for minutes. Memory and open files must not grow,
//! and every response must be the expected one.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

mod support;

use std::time::Duration;

use clap::Parser;

use support::{Arguments, Codes, Databases, Load, Question, Server, link_unique};

const CODES: Codes = Codes { count: 4_000_000, orgs: 1 };

/// The time between two measurements of memory and open files.
const STRETCH: Duration = Duration::from_secs(10);

fn main() {
    let arguments = Arguments::parse();
    let stretches: usize = if arguments.quick { 12 } else { 30 };
    let databases = Databases::start();
    let template = databases.template(CODES);
    let server = Server::start(&databases.copy(&template));
    println!("| seconds | requests | memory MB | open files |");
    println!("|---:|---:|---:|---:|");
    let mut asked = 0;
    let mut seen = Vec::new();
    for stretch in 1..=stretches {
        let load = Load {
            address: &server.address,
            keys: &template.keys,
            connections: 64,
            warm_up: Duration::ZERO,
            duration: STRETCH,
        };
        // Requests in progress at the end are not counted, and each request must be sent only once.
        let latencies = load.run(|place| mixed(asked + place));
        asked += latencies.count() as u64 + 64;
        // Time for the server to close the clients' connections.
        std::thread::sleep(Duration::from_millis(200));
        let (memory, files) = (server.memory("VmRSS"), server.open_files());
        println!("| {} | {asked} | {memory:.1} | {files} |", stretch as u64 * STRETCH.as_secs());
        seen.push((memory, files));
    }
    // After half of the time, all caches are full: the document cache takes a minute.
    let (warm, end) = (seen[stretches / 2 - 1], seen[stretches - 1]);
    println!("\n- memory at the end, to that after half of the time: {:.2}", end.0 / warm.0);
    assert!(end.0 < warm.0 * 1.15, "memory grew");
    assert!(end.1 <= warm.1 + 4, "the number of open files grew");
}

/// Half of the requests link; the others read, redeem, fail and attack.
fn mixed(place: u64) -> Question {
    let link = place / 10 * 5 + place % 10;
    match place % 10 {
        0..=4 => link_unique(CODES, link),
        5 | 6 => wallet(place),
        7 => redeem(place),
        8 => unknown(place),
        _ => hostile(place / 10),
    }
}

fn question(document: &str, variables: &str, status: u16, expected: impl Into<String>) -> Question {
    let body = format!(r#"{{"query":{},"variables":{variables}}}"#, serde_json::Value::from(document));
    Question { key: 0, body, status, expected: expected.into() }
}

fn wallet(place: u64) -> Question {
    let document = "query Wallet($customer: Long!) { customerPromotions(customerId: $customer) { nodes { id code state \
                    redemptions { nodes { id } } } } }";
    let variables = if place % 20 == 5 { (place / 10 * 5).saturating_sub(5000) } else { 4_000_000_000 + place };
    question(document, &format!(r#"{{"customer":{variables}}}"#), 200, r#""nodes":["#)
}

/// Redeems an earlier link, or one that does not exist.
fn redeem(place: u64) -> Question {
    let link = (place / 10 * 5).saturating_sub(5000);
    let (_, code) = CODES.pick(link);
    let document = "mutation Redeem($input: RedeemPromotionInput!) { redeemPromotion(input: $input) { id } }";
    let variables = format!(
        r#"{{"input":{{"customerId":{link},"code":"{code}","mode":"DISCOUNT","transactionId":"order-{place}"}}}}"#
    );
    question(document, &variables, 200, r#""redeemPromotion":"#)
}

fn unknown(place: u64) -> Question {
    let document = "mutation Link($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id } }";
    let variables = format!(r#"{{"input":{{"customerId":{place},"code":"NONE-{place}","mode":"DISCOUNT"}}}}"#);
    question(document, &variables, 200, "CODE_NOT_FOUND")
}

/// Documents that exceed limits, are invalid or fill the cache, and a malformed body.
fn hostile(place: u64) -> Question {
    match place % 5 {
        0 => question(&"{a".repeat(100), "{}", 200, "LIMIT_EXCEEDED"),
        1 => {
            let fields: Vec<String> = (0..1001).map(|field| format!("f{field}: __typename")).collect();
            question(&format!("{{ {} }}", fields.join(" ")), "{}", 200, "LIMIT_EXCEEDED")
        }
        2 => question(&format!("query Q{place} {{ nothing{place} }}"), "{}", 200, "GRAPHQL_VALIDATION_FAILED"),
        3 => question(
            &format!("query Q{place} {{ customerPromotions(customerId: {place}) {{ nodes {{ id }} }} }}"),
            "{}",
            200,
            r#""nodes":["#,
        ),
        _ => Question { key: 0, body: "{\"query\": ".to_owned(), status: 400, expected: "BAD_REQUEST".to_owned() },
    }
}

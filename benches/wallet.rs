//! `cargo bench --bench wallet`: reads over HTTP, compared with the same SELECT statements in pgbench, and wallets with offers,
//! compared with those without.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

mod support;

use std::time::Duration;

use clap::Parser;

use support::{
    Arguments, Codes, Databases, FIRST_CODE, Look, Pgbench, Question, Row, STRIDE, Table, create_key, ratio, share,
};

const WARM_UP: Duration = Duration::from_secs(1);

const CLIENTS: [usize; 2] = [1, 64];

/// The number of promotions of each customer: one page.
const WALLET: u64 = 20;

const CODES: Codes = Codes { count: 1_000_000, orgs: 1 };

/// The campaigns. The promotions of a wallet are of different ones.
const CAMPAIGNS: u64 = 20;

/// The offer of each campaign, as the database has it.
const OFFER: &str = r#"{"title":"20 % off the summer collection","description":"Once for each customer. Not for gift cards.","benefit":{"kind":"PERCENT_OFF","percentOff":20,"amount":null},"termsUrl":"https://shop.example/terms","imageUrl":"https://shop.example/summer.png","metadata":[]}"#;

const OFFER_FIELDS: &str =
    "offer { title description benefit { kind percentOff amount { minorUnits currency } } termsUrl imageUrl }";

const PROMOTION: &str =
    "id orgId promotionId promotionName code customerId active createdOn validTill mode redeemableFrom";

/// Selects the next wallet, far from the previous one in the tables.
const NEXT_CUSTOMER: &str = r"
\set i :i + 1
\set customer ((:i - 1) * :clients + :client_id) * :stride % :count
";

const SELECT_WALLET: &str = r"
SELECT h.org_id, h.id, h.campaign_id, p.name, c.code, h.customer_id, h.created_on, h.unlinked_on, h.redemption_count,
    p.active, p.valid_till, p.redeemable_from, p.valid_for_days, p.max_redemptions_per_link, c.revoked_on, h.mode
FROM promotions h
JOIN promotion_codes c ON c.org_id = h.org_id AND c.mode = h.mode AND c.folded = h.folded
JOIN campaigns p ON p.org_id = h.org_id AND p.id = h.campaign_id
WHERE h.org_id = 1 AND h.customer_id = :customer ORDER BY h.id DESC LIMIT 21;
";

const NEXT_CODE: &str = r"
\set i :i + 1
\set code :first + ((:i - 1) * :clients + :client_id) * :stride % :count
";

const SELECT_CODE: &str = r"
SELECT c.org_id, c.mode, c.folded, c.code, c.campaign_id, c.created_on, c.revoked_on, c.max_links, c.link_count
FROM promotion_codes c WHERE c.org_id = 1 AND c.mode = 1 AND c.folded = :code::bigint::text;
";

fn main() {
    let arguments = Arguments::parse();
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 3 });
    let duration = Duration::from_secs(if arguments.quick { 2 } else { 5 });
    let databases = Databases::start();
    let template = databases.template(CODES);
    let url = databases.copy(&template);
    databases.sql(
        "run",
        &format!(
            "UPDATE campaigns SET offer = '{OFFER}';
             INSERT INTO campaigns (org_id, id, name, mode, active, created_on, redeemable_from, valid_till,
                     max_redemptions_per_link, offer)
                 SELECT 1, lpad(number::text, 32, '0')::uuid, 'Spring', 1, true, 0, 0, 32503680000000, 1, '{OFFER}'
                 FROM generate_series(2, {CAMPAIGNS}) number;
             UPDATE promotion_codes SET link_count = 1,
                 campaign_id = lpad((folded::bigint % {CAMPAIGNS} + 1)::text, 32, '0')::uuid;
             INSERT INTO promotions (org_id, id, mode, folded, campaign_id, customer_id, created_on)
                 SELECT org_id, lpad(to_hex(folded::bigint - {FIRST_CODE}), 32, '0')::uuid, mode, folded, campaign_id,
                     (folded::bigint - {FIRST_CODE}) / {WALLET}, 0
                 FROM promotion_codes;
             VACUUM (FREEZE, ANALYZE);
             SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i') AND relname LIKE 'promotion%';
             CHECKPOINT"
        ),
    );
    let keys = [create_key(&url, 1, "admin")];
    let bench = Bench { databases, url, keys, duration };

    let mut table = Table::default();
    let select_wallet = [NEXT_CUSTOMER, SELECT_WALLET].concat();
    let select_code = [NEXT_CODE, SELECT_CODE].concat();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for clients in CLIENTS {
            table.add(&format!("wallet, pgbench, {clients}"), bench.pgbench(&select_wallet, wallets(), clients));
            table.add(&format!("wallet, Promolink, {clients}"), bench.promolink(clients, wallet));
            table.add(&format!("offers, Promolink, {clients}"), bench.promolink(clients, wallet_with_offers));
            table.add(&format!("code, pgbench, {clients}"), bench.pgbench(&select_code, CODES.count, clients));
            table.add(&format!("code, Promolink, {clients}"), bench.promolink(clients, code));
        }
    }
    table.print("reads, clients");

    println!("\nRatios to pgbench, in the same run:");
    for what in ["wallet", "code"] {
        let [base, ours] = ["pgbench", "Promolink"].map(|who| table.median(&format!("{what}, {who}, 64")));
        ratio(&format!("{what}: reads per second at 64 connections"), ours.per_second, base.per_second);
    }
    println!("\nRatios of wallets with offers to those without:");
    for clients in CLIENTS {
        let [base, ours] = ["wallet", "offers"].map(|what| table.median(&format!("{what}, Promolink, {clients}")));
        let cpu = |row: &Row| row.server_cpu.zip(row.database_cpu).map(|(server, database)| server + database).unwrap();
        ratio(&format!("CPU time of server and database at {clients} connections"), cpu(&ours), cpu(&base));
    }
}

const fn wallets() -> u64 {
    CODES.count / WALLET
}

struct Bench {
    databases: Databases,
    url: String,
    keys: [String; 1],
    duration: Duration,
}

impl Bench {
    fn pgbench(&self, script: &str, count: u64, clients: usize) -> Row {
        let variables =
            [("i", 0), ("clients", clients as u64), ("first", FIRST_CODE), ("stride", STRIDE), ("count", count)];
        let (url, duration) = (&self.url[..], self.duration);
        let run = Pgbench { url, script, variables: &variables, clients, warm_up: WARM_UP, duration };
        let before = self.databases.cpu();
        let latencies = run.run();
        let cpu = (self.databases.cpu() - before) * share(&latencies, WARM_UP, duration);
        Row { database_cpu: Some(cpu), ..Row::new(&latencies) }
    }

    fn promolink(&self, connections: usize, question: fn(u64) -> Question) -> Row {
        let look = Look {
            url: &self.url,
            keys: &self.keys,
            databases: Some(&self.databases),
            connections,
            warm_up: WARM_UP,
            duration: self.duration,
        };
        look.measure(question)
    }
}

/// Reads a customer's wallet.
fn wallet(place: u64) -> Question {
    wallet_of(place, PROMOTION, "")
}

fn wallet_with_offers(place: u64) -> Question {
    wallet_of(place, &[PROMOTION, OFFER_FIELDS].join(" "), r#","offer":{"title":"20 % off"#)
}

/// Reads a customer's wallet, whose last promotion must be the oldest, and end in these fields.
fn wallet_of(place: u64, fields: &str, last_fields: &str) -> Question {
    let customer = place * STRIDE % wallets();
    let oldest = FIRST_CODE + customer * WALLET;
    Question {
        key: 0,
        body: format!(
            r#"{{"query":"query Wallet($customer: Long!) {{ customerPromotions(customerId: $customer) {{ edges {{ node {{ {fields} }} }} pageInfo {{ hasNextPage endCursor }} }} }}","variables":{{"customer":{customer}}}}}"#
        ),
        status: 200,
        expected: format!(
            r#""code":"{oldest}","customerId":{customer},"active":true,"createdOn":0,"validTill":32503680000000,"mode":"DISCOUNT","redeemableFrom":0{last_fields}"#
        ),
    }
}

/// Reads a code and its state.
fn code(place: u64) -> Question {
    let code = FIRST_CODE + place * STRIDE % CODES.count;
    Question {
        key: 0,
        body: format!(
            r#"{{"query":"query Code($codes: [String!]!) {{ promotionCodes(codes: $codes, mode: DISCOUNT) {{ code maxLinks linkCount revoked }} }}","variables":{{"codes":["{code}"]}}}}"#
        ),
        status: 200,
        expected: format!(r#""code":"{code}","maxLinks":1,"linkCount":1"#),
    }
}

//! `cargo bench --bench link`: links a second over HTTP, beside what the databases do alone.
#![expect(clippy::unwrap_used, reason = "what fails ends the run, with its place")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, of counts far below 2^52"
)]

mod support;

use std::time::Duration;

use clap::Parser;

use support::{
    Arguments, Codes, Databases, FIRST_CODE, Latencies, Load, Pgbench, Question, Row, STRIDE, Server, Table, Template,
    ratio,
};

const WARM_UP: Duration = Duration::from_secs(1);

const LINK: &str = "mutation Link($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { id orgId \
                    promotionId promotionName code customerId active createdOn validTill mode redeemableFrom } }";

/// One link as one statement, the best there is that keeps the same rules: the update locks the code and checks it under
/// the lock; the indexes see to one hold a customer.
const ONE_STATEMENT: &str = r"
\set i :i + 1
\set place (:i - 1) * :clients + :client_id
\set code :first + :place * :stride % :count
WITH code AS (
    UPDATE promotion_codes c SET link_count = c.link_count + 1 FROM campaigns p
    WHERE c.org_id = 1 AND c.mode = 1 AND c.folded = :code AND p.org_id = c.org_id AND p.id = c.campaign_id
        AND c.revoked_on IS NULL AND p.active AND p.valid_till >= (extract(epoch FROM now()) * 1000)::bigint
        AND (c.max_links IS NULL OR c.link_count < c.max_links)
        AND NOT EXISTS (
            SELECT FROM promotions h WHERE h.org_id = c.org_id AND h.mode = c.mode AND h.folded = c.folded
                AND h.customer_id = :place AND h.unlinked_on IS NULL)
    RETURNING c.org_id, c.mode, c.folded, c.code, c.campaign_id, p.name, p.active, p.valid_till, p.redeemable_from,
        p.valid_for_days
), promotion AS (
    INSERT INTO promotions (org_id, id, mode, folded, campaign_id, customer_id, created_on)
    SELECT org_id, lpad(to_hex(:place::bigint), 32, '0')::uuid, mode, folded, campaign_id, :place::bigint,
        (extract(epoch FROM now()) * 1000)::bigint
    FROM code RETURNING id, customer_id, created_on
)
SELECT * FROM code, promotion;
";

fn main() {
    let arguments = Arguments::parse();
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 3 });
    let duration = Duration::from_secs(if arguments.quick { 2 } else { 5 });
    let databases = Databases::start();
    let codes = Codes { count: 500_000, orgs: 1 };
    let template = databases.template(codes);
    let bench = Bench { databases, duration };

    let mut table = Table::default();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for clients in CLIENTS {
            table.add(&format!("pgbench, {clients}"), bench.pgbench(&template, codes, clients));
            table.add(&format!("Promolink, {clients}"), bench.promolink(&template, codes, clients));
        }
    }
    table.print("links on PostgreSQL, clients");

    println!("\nIn one run:");
    let [base, ours, many] = ["pgbench, 64", "Promolink, 64", "Promolink, 256"].map(|name| table.median(name));
    let best = CLIENTS.map(|clients| table.median(&format!("pgbench, {clients}")).per_second).into_iter();
    ratio("links a second at 64 connections, to pgbench at 64", ours.per_second, base.per_second);
    ratio("at 256 connections, to the best of pgbench", many.per_second, best.fold(0.0, f64::max));
    ratio("p99 at 64, ms", ours.p99, base.p99);
    ratio("a lone link's median, ms", table.median("Promolink, 1").p50, table.median("pgbench, 1").p50);
    let (ready, idle) = bench.idle(&template);
    println!("- ready after {:.0} ms, idle with {idle:.0} MB", ready.as_secs_f64() * 1000.0);
}

/// How many ask at once. More than 64 don't help pgbench here; the best of all is what counts.
const CLIENTS: [usize; 3] = [1, 64, 256];

struct Bench {
    databases: Databases,
    duration: Duration,
}

impl Bench {
    fn pgbench(&self, template: &Template, codes: Codes, clients: usize) -> Row {
        let url = self.databases.copy(template);
        let variables =
            [("i", 0), ("clients", clients as u64), ("first", FIRST_CODE), ("stride", STRIDE), ("count", codes.count)];
        let run = Pgbench {
            url: &url,
            script: ONE_STATEMENT,
            variables: &variables,
            clients,
            warm_up: WARM_UP,
            duration: self.duration,
        };
        let before = self.databases.cpu();
        let latencies = run.run();
        let cpu = self.databases.cpu() - before;
        row(&latencies, None, Some(cpu))
    }

    /// How soon a server is ready, and what it holds before anyone asks.
    fn idle(&self, template: &Template) -> (Duration, f64) {
        let server = Server::start(&self.databases.copy(template));
        (server.ready_after, server.memory("VmRSS"))
    }

    fn promolink(&self, template: &Template, codes: Codes, connections: usize) -> Row {
        let url = self.databases.copy(template);
        let server = Server::start(&url);
        let load = Load {
            address: &server.address,
            keys: &template.keys,
            connections,
            warm_up: WARM_UP,
            duration: self.duration,
        };
        let before = (self.databases.cpu(), server.cpu());
        let latencies = load.run(|place| question(codes, place));
        let mut row = row(&latencies, Some(server.cpu() - before.1), Some(self.databases.cpu() - before.0));
        row.memory = Some(server.memory("VmHWM"));
        row
    }
}

fn question(codes: Codes, place: u64) -> Question {
    let (org, code) = codes.pick(place);
    Question {
        key: org as usize - 1,
        body: format!(
            r#"{{"query":"{LINK}","variables":{{"input":{{"customerId":{place},"code":"{code}","mode":"DISCOUNT"}}}}}}"#
        ),
        expected: format!(r#""code":"{code}","customerId":{place},"active":true"#),
    }
}

fn row(latencies: &Latencies, server_cpu: Option<f64>, database_cpu: Option<f64>) -> Row {
    // CPU was used in the warm-up too.
    let share = 1000.0 / latencies.count() as f64;
    Row {
        per_second: latencies.per_second(),
        p50: latencies.quantile(0.5),
        p99: latencies.quantile(0.99),
        server_cpu: server_cpu.map(|seconds| seconds * share),
        database_cpu: database_cpu.map(|seconds| seconds * share),
        memory: None,
    }
}

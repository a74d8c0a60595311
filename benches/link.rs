//! `cargo bench --bench link`: links per second over HTTP, compared with the databases without a server.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

mod support;

use std::time::Duration;

use clap::Parser;

use support::{
    Arguments, Codes, Databases, FIRST_CODE, Look, Pgbench, Row, STRIDE, Server, Sqlite, Table, Template, link_unique,
    ratio, share,
};

const WARM_UP: Duration = Duration::from_secs(1);

/// Numbers of concurrent clients. More than 64 don't help pgbench here; its best result counts.
const CLIENTS: [usize; 3] = [1, 64, 256];

/// One link as one statement, the fastest that enforces the same rules: the update locks the code and checks it under the
/// lock; a unique index permits one hold per customer.
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
    let codes = Codes { count: 500_000, orgs: 1 };
    postgres(codes, rounds, duration);
    sqlite(codes, rounds, duration);
}

fn postgres(codes: Codes, rounds: usize, duration: Duration) {
    let databases = Databases::start();
    let template = databases.template(codes);
    let mut table = Table::default();
    for round in 1..=rounds {
        eprintln!("PostgreSQL, round {round} of {rounds}");
        for clients in CLIENTS {
            table.add(&format!("pgbench, {clients}"), pgbench(&databases, &template, codes, clients, duration));
            let url = databases.copy(&template);
            let (keys, databases) = (&template.keys[..], Some(&databases));
            let look = Look { url: &url, keys, databases, connections: clients, warm_up: WARM_UP, duration };
            table.add(&format!("Promolink, {clients}"), look.measure(|place| link_unique(codes, place)));
        }
    }
    table.print("links on PostgreSQL, clients");

    println!("\nRatios in the same run:");
    let [base, ours, many] = ["pgbench, 64", "Promolink, 64", "Promolink, 256"].map(|name| table.median(name));
    let best = CLIENTS.map(|clients| table.median(&format!("pgbench, {clients}")).per_second).into_iter();
    ratio("links per second at 64 connections, to pgbench at 64", ours.per_second, base.per_second);
    ratio("links per second at 256 connections, to the best of pgbench", many.per_second, best.fold(0.0, f64::max));
    ratio("p99 at 64, ms", ours.p99, base.p99);
    ratio("median of a single client, ms", table.median("Promolink, 1").p50, table.median("pgbench, 1").p50);
    let server = Server::start(&databases.copy(&template));
    let ready = server.ready_after.as_secs_f64() * 1000.0;
    println!("- ready after {ready:.0} ms; {:.0} MB when idle", server.memory("VmRSS"));
}

fn sqlite(codes: Codes, rounds: usize, duration: Duration) {
    let file = Sqlite::fill(codes);
    let keys = [file.key.clone()];
    let mut table = Table::default();
    for round in 1..=rounds {
        eprintln!("SQLite, round {round} of {rounds}");
        file.copy();
        table.add("one transaction per link", Row::new(&file.link_one_by_one(WARM_UP, duration)));
        for connections in CLIENTS {
            let url = file.copy();
            let look = Look { url: &url, keys: &keys, databases: None, connections, warm_up: WARM_UP, duration };
            table.add(&format!("Promolink, {connections}"), look.measure(|place| link_unique(codes, place)));
        }
    }
    table.print("links on SQLite, clients");

    println!("\nRatios in the same run:");
    let base = table.median("one transaction per link").per_second;
    ratio("links per second at 64 connections, to one by one", table.median("Promolink, 64").per_second, base);
    ratio("links per second at 256 connections, to one by one", table.median("Promolink, 256").per_second, base);
}

fn pgbench(databases: &Databases, template: &Template, codes: Codes, clients: usize, duration: Duration) -> Row {
    let url = databases.copy(template);
    let variables =
        [("i", 0), ("clients", clients as u64), ("first", FIRST_CODE), ("stride", STRIDE), ("count", codes.count)];
    let run = Pgbench { url: &url, script: ONE_STATEMENT, variables: &variables, clients, warm_up: WARM_UP, duration };
    let before = databases.cpu();
    let latencies = run.run();
    let cpu = (databases.cpu() - before) * share(&latencies, WARM_UP, duration);
    Row { database_cpu: Some(cpu), ..Row::new(&latencies) }
}

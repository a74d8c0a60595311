//! `cargo bench --bench webhooks`: links per second while a webhook endpoint gets all of their events in batches of 100, compared
//! with a server without endpoints.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

mod support;

use std::time::Duration;

use clap::Parser;

use support::{Arguments, Codes, Databases, Look, Receiver, Sqlite, Table, link_unique, ratio};

const WARM_UP: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 64;

fn main() {
    let arguments = Arguments::parse();
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 3 });
    let duration = Duration::from_secs(if arguments.quick { 2 } else { 5 });
    let codes = Codes { count: 500_000, orgs: 1 };
    let receiver = Receiver::start();

    let databases = Databases::start();
    let template = databases.template(codes);
    let mut table = Table::default();
    for round in 1..=rounds {
        eprintln!("PostgreSQL, round {round} of {rounds}");
        for name in ["without", "with"] {
            let url = databases.copy(&template);
            if name == "with" {
                databases.sql("run", &receiver.endpoint("decode"));
            }
            let (keys, databases) = (&template.keys[..], Some(&databases));
            let look = Look { url: &url, keys, databases, connections: CONNECTIONS, warm_up: WARM_UP, duration };
            table.add(name, look.measure(|place| link_unique(codes, place)));
        }
    }
    print(&table, "links on PostgreSQL, webhook", &receiver);

    let file = Sqlite::fill(codes);
    let keys = [file.key.clone()];
    let mut table = Table::default();
    for round in 1..=rounds {
        eprintln!("SQLite, round {round} of {rounds}");
        for name in ["without", "with"] {
            let url = file.copy();
            if name == "with" {
                file.sql(&receiver.endpoint("unhex"));
            }
            let look =
                Look { url: &url, keys: &keys, databases: None, connections: CONNECTIONS, warm_up: WARM_UP, duration };
            table.add(name, look.measure(|place| link_unique(codes, place)));
        }
    }
    print(&table, "links on SQLite, webhook", &receiver);
}

fn print(table: &Table, title: &str, receiver: &Receiver) {
    table.print(title);
    let [without, with] = ["without", "with"].map(|name| table.median(name).per_second);
    ratio("links per second with a webhook, to without", with, without);
    println!("- the receiver got {} events", receiver.take_count());
}

//! `cargo bench --bench growth`: links per second with many codes, many organisations, or one code for all customers.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

mod support;

use std::time::Duration;

use clap::Parser;

use support::{Arguments, Codes, Databases, FIRST_CODE, Look, Table, Template, link, link_unique, ratio};

const CONNECTIONS: usize = 64;

const WARM_UP: Duration = Duration::from_secs(1);

/// Short enough for the smallest number of codes, each of which can be linked only once.
const DURATION: Duration = Duration::from_secs(2);

fn main() {
    let arguments = Arguments::parse();
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 3 });
    let many = if arguments.quick { 1_000_000 } else { 10_000_000 };
    let small = Codes { count: 100_000, orgs: 1 };
    let all = [small, Codes { count: many, ..small }, Codes { orgs: 10, ..small }, Codes { orgs: 1000, ..small }];
    let databases = Databases::start();
    let templates: Vec<(Codes, Template)> = all.into_iter().map(|codes| (codes, databases.template(codes))).collect();

    let mut table = Table::default();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for (codes, template) in &templates {
            let url = databases.copy(template);
            let row = look(&databases, &url, template).measure(|place| link_unique(*codes, place));
            table.add(&name(*codes), row);
        }
        let (_, template) = &templates[0];
        let url = databases.copy(template);
        databases.sql("run", &format!("UPDATE promotion_codes SET max_links = NULL WHERE folded = '{FIRST_CODE}'"));
        table.add(HOT, look(&databases, &url, template).measure(|place| link(1, FIRST_CODE, place)));
    }
    table.print("links at 64 connections");

    println!("\nRatios to one organisation with 100,000 codes, in the same run:");
    let base = table.median(&name(small)).per_second;
    for codes in &all[1..] {
        ratio(&name(*codes), table.median(&name(*codes)).per_second, base);
    }
    ratio(HOT, table.median(HOT).per_second, base);
}

const HOT: &str = "one code for all";

fn name(codes: Codes) -> String {
    format!("{} codes, {} organisations", codes.count, codes.orgs)
}

fn look<'a>(databases: &'a Databases, url: &'a str, template: &'a Template) -> Look<'a> {
    Look {
        url,
        keys: &template.keys,
        databases: Some(databases),
        connections: CONNECTIONS,
        warm_up: WARM_UP,
        duration: DURATION,
    }
}

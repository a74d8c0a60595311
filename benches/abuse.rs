//! `cargo bench --bench abuse`: the latency of a backend's links while another caller attacks the server, with the
//! default limits.
//!
//! The backend links over eight connections, each of which pauses for 5 ms between two links. It is measured before,
//! during and after each attack. Attackers send as fast as their connections permit.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]

#[path = "abuse/attacks.rs"]
mod attacks;
#[path = "abuse/backend.rs"]
mod backend;
mod support;
#[path = "abuse/tenants.rs"]
mod tenants;

use std::time::Duration;

use clap::Parser;

use self::{attacks::Attack, backend::Backend, tenants::Tenants};
use support::Databases;

#[derive(Debug, Parser)]
struct Arguments {
    /// Run briefly: 4 seconds of each attack and 4 seconds after it, instead of 10 and 30
    #[arg(long)]
    quick: bool,
    /// Run only the attacks whose names contain this text
    #[arg(long, default_value = "")]
    only: String,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let (during, after) = if arguments.quick { (4, 4) } else { (10, 30) };
    let databases = Databases::start();
    let directory = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", directory.path().join("abuse.db").display());
    println!(
        "| database | attack | responses to it | links before: p50, p99 ms | during | after | rejected | peak MB | log kB/s |"
    );
    println!("|---|---|---|---:|---:|---:|---:|---:|---:|");
    for (name, url) in [("PostgreSQL", databases.empty("abuse")), ("SQLite", sqlite)] {
        let tenants = Tenants::create(&url);
        for attack in Attack::ALL.iter().filter(|attack| attack.name.contains(&arguments.only)) {
            let row = run(&url, &tenants, attack, Duration::from_secs(during), Duration::from_secs(after));
            println!("| {name} | {} | {row} |", attack.name);
        }
    }
}

fn run(url: &str, tenants: &Tenants, attack: &Attack, during: Duration, after: Duration) -> String {
    let server = support::Server::with_default_limits(url, &tenants::VARIABLES);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let backend = Backend::start(&server.address, tenants).await;
        let before = backend.phase(Duration::from_secs(2)).await;
        let (log, links) = (server.log_bytes(), before.links());
        let responses = {
            let attacking = attack.start(&server.address, tenants);
            let seen = backend.phase(during).await;
            (attacking.stop().await, seen)
        };
        let (responses, seen) = responses;
        // The log lines of the backend's links are subtracted.
        let own = log / links * seen.links();
        #[expect(clippy::cast_precision_loss, reason = "an approximate number of kilobytes")]
        let log = (server.log_bytes() - log).saturating_sub(own) as f64 / 1000.0 / during.as_secs_f64();
        let afterwards = backend.phase(after).await;
        let refused = seen.refused + afterwards.refused;
        let memory = server.memory("VmHWM");
        format!("{responses} | {before} | {seen} | {afterwards} | {refused} | {memory:.0} | {log:.0}")
    })
}

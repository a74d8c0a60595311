//! `cargo bench --bench overload`: latencies and rejections under three times the load that the server can serve. The
//! load is open-loop: requests arrive at a fixed rate, whether or not earlier ones have responses.
#![expect(clippy::unwrap_used, reason = "a failure ends the run and prints its location")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "printed statistics of counts far below 2^52"
)]

mod support;

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use clap::Parser;
use futures_util::future::{join_all, join3};
use tokio::{sync::Mutex, sync::mpsc, time::sleep};

use support::{Arguments, Client, Codes, Databases, Latencies, Load, Server, link_unique, status};

/// More than the server executes concurrently, and enough for all rejected requests.
const CONNECTIONS: usize = 1500;

const WARM_UP: Duration = Duration::from_secs(1);

const CODES: Codes = Codes { count: 4_000_000, orgs: 1 };

fn main() {
    let arguments = Arguments::parse();
    let duration = Duration::from_secs(if arguments.quick { 10 } else { 60 });
    let databases = Databases::start();
    let template = databases.template(CODES);

    let server = Server::start(&databases.copy(&template));
    let (address, keys) = (&server.address, &template.keys);
    let load = Load { address, keys, connections: 64, warm_up: WARM_UP, duration: Duration::from_secs(5) };
    let most = load.run(|place| link_unique(CODES, place)).per_second();
    drop(server);
    println!("With 64 connections that each wait for their response, the server links {most:.0} codes per second.\n");
    println!(
        "| load | requests/s | executed/s | p50 ms | p99 ms | rejected/s | p99 ms | not sent/s | memory MB, first third, end |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    let calm = open_loop(&databases, &template, most * 0.8, duration / 3, "80 percent");
    let busy = open_loop(&databases, &template, most * 3.0, duration, "three times");
    println!("\n- p99 of executed requests, to that at 80 percent: {:.2}", busy / calm);
}

/// Sends `rate` requests per second and prints the results. Returns the p99 of the executed requests, in milliseconds.
fn open_loop(databases: &Databases, template: &support::Template, rate: f64, duration: Duration, name: &str) -> f64 {
    let server = Server::start(&databases.copy(template));
    let (taken, refused) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let (place, unsent) = (Cell::new(0), Cell::new(0_u64));
    let memory = Cell::new(0.0);
    // Latencies count from here; set when arrivals start.
    let begin = Cell::new(Instant::now() + Duration::from_hours(1));
    let (sender, receiver) = mpsc::channel::<Instant>(CONNECTIONS);
    let receiver = Mutex::new(receiver);
    let clients = join_all((0..CONNECTIONS).map(|_| async {
        let mut client = Client::connect(&server.address).await;
        loop {
            let Some(due) = receiver.lock().await.recv().await else { break };
            let question = link_unique(CODES, place.replace(place.get() + 1));
            let answer = client.send(&template.keys[0], &question.body).await;
            let latencies = match status(answer) {
                200 => {
                    assert!(answer.contains(&question.expected), "{answer}");
                    &taken
                }
                503 => {
                    assert!(answer.contains("OVERLOADED") && answer.contains("retry-after: 1"), "{answer}");
                    &refused
                }
                _ => panic!("{answer}"),
            };
            if due > begin.get() {
                latencies.borrow_mut().push(due.elapsed());
            }
        }
    }));
    let arrivals = async {
        // Time for all clients to connect.
        sleep(WARM_UP).await;
        let started = Instant::now();
        begin.set(started + WARM_UP);
        let mut sent = 0;
        while started.elapsed() < WARM_UP + duration {
            let due = (started.elapsed().as_secs_f64() * rate) as u64;
            while sent < due {
                sent += 1;
                if sender.try_send(Instant::now()).is_err() {
                    unsent.set(unsent.get() + 1);
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
        drop(sender);
    };
    let look = async {
        sleep(WARM_UP * 2 + duration / 3).await;
        memory.set(server.memory("VmRSS"));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(join3(clients, arrivals, look));
    let taken = Latencies::new(taken.into_inner(), duration);
    let refused = refused.into_inner();
    let (refusals, refused_p99) = match refused.len() {
        0 => (0.0, 0.0),
        count => (count as f64, Latencies::new(refused, duration).quantile(0.99)),
    };
    let (seconds, p99) = (duration.as_secs_f64(), taken.quantile(0.99));
    println!(
        "| {name} | {rate:.0} | {:.0} | {:.2} | {p99:.2} | {:.0} | {refused_p99:.2} | {:.0} | {:.0}, {:.0} |",
        taken.per_second(),
        taken.quantile(0.5),
        refusals / seconds,
        unsent.get() as f64 / seconds,
        memory.get(),
        server.memory("VmRSS"),
    );
    p99
}

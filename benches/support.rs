//! Shared by the benchmarks of the whole server: a disposable PostgreSQL, the release server as a separate process, the
//! load, and the measurement and printing of results.
#![allow(dead_code, unused_imports, reason = "each benchmark uses a part of it")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "printed statistics of counts far below 2^52"
)]

#[path = "../tests/it/support/cluster.rs"]
mod cluster;
mod data;
mod figures;
#[path = "../tests/it/support/issuer.rs"]
pub mod issuer;
mod load;
mod look;
mod pgbench;
mod process;
mod receiver;
mod sqlite;

pub use data::{Codes, Databases, FIRST_CODE, STRIDE, Template};
pub use figures::{Latencies, Row, Table, ratio};
pub use load::{Client, Load, Question, status};
pub use look::{Look, link, link_unique, share};
pub use pgbench::Pgbench;
pub use process::{Server, create_key, migrate, run_program};
pub use receiver::Receiver;
pub use sqlite::Sqlite;

use clap::Parser;

/// The options of a benchmark.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Run briefly: less data, one round, two seconds per measurement
    #[arg(long)]
    pub quick: bool,
    /// Number of rounds, each with every measurement; the medians are printed
    #[arg(long, value_name = "NUMBER")]
    pub rounds: Option<usize>,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

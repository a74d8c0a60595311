//! What the benchmarks of the whole server share: a throw-away PostgreSQL, the release server as a process of its own,
//! the load, and how figures are taken and told.
#![allow(dead_code, unused_imports, reason = "each benchmark uses what it needs of it")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, of counts far below 2^52"
)]

#[path = "../tests/it/support/cluster.rs"]
mod cluster;
mod data;
mod figures;
mod load;
mod look;
mod pgbench;
mod process;
mod sqlite;

pub use data::{Codes, Databases, FIRST_CODE, STRIDE, Template};
pub use figures::{Latencies, Row, Table, ratio};
pub use load::{Client, Load, Question, status};
pub use look::{Look, link, link_unique, share};
pub use pgbench::Pgbench;
pub use process::{Server, make_key, migrate, run_program};
pub use sqlite::Sqlite;

use clap::Parser;

/// How long to measure.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// A short look: less data, one round, two seconds a figure
    #[arg(long)]
    pub quick: bool,
    /// How often each figure is taken, in turns; the median is told
    #[arg(long, value_name = "NUMBER")]
    pub rounds: Option<usize>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

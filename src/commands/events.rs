//! `promolink events`: the events of an organisation.

mod tail;

use clap::Subcommand;

/// Read the events of an organisation: one for each change
#[derive(Debug, Subcommand)]
#[command(after_help = "See also: docs/events.md")]
pub enum Command {
    Tail(tail::Arguments),
}

pub async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Tail(arguments) => tail::run(arguments).await,
    }
}

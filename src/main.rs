//! The `promolink` program: reads the command line and runs a command.

use clap::Parser;
use promolink::{commands::Cli, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    telemetry::init();
    Cli::parse().run().await
}

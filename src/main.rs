//! The `promolink` program: reads the command line and runs a command.

use clap::Parser;
use promolink::{commands::Cli, telemetry};

/// Requests make many small values that live briefly, on several threads at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // Writes the last lines of the log when it is dropped.
    let _log = telemetry::start(cli.log_format());
    let done = cli.run().await;
    #[cfg(feature = "otlp")]
    telemetry::finish();
    done
}

//! The `promolink` program: reads the command line and runs a command.

use std::process::ExitCode;

use promolink::commands::{self, Cli};

/// Requests allocate many small, short-lived values on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    commands::exit_code(run().await)
}

async fn run() -> anyhow::Result<()> {
    let cli = Cli::read()?;
    // Dropping it writes the last lines of the log.
    let _log = cli.start_log()?;
    let result = cli.run().await;
    #[cfg(feature = "otlp")]
    promolink::telemetry::flush_traces();
    result
}

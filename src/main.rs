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
    // Writes the last lines of the log when it is dropped.
    let _log = cli.start_log()?;
    let done = cli.run().await;
    #[cfg(feature = "otlp")]
    promolink::telemetry::finish();
    done
}

//! `promolink serve`: the server in production.

use anyhow::bail;
use clap::Args;
use tokio::signal;

use super::Database;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    bail!(
        "`promolink serve` does not start without credentials for its callers, and this version has none yet. \
         To try the server on {}, use `promolink dev`.",
        arguments.database.url()?
    )
}

/// Completes when the process is asked to end, by Ctrl-C or SIGTERM. Asked again, the process ends at once.
pub async fn shutdown_signal() {
    asked_to_end().await;
    tokio::spawn(async {
        asked_to_end().await;
        std::process::exit(130);
    });
}

async fn asked_to_end() {
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

//! What operators see: logs on standard error, and metrics as Prometheus reads them.

mod metrics;

use std::{
    env,
    io::{self, IsTerminal},
};

use tracing_subscriber::EnvFilter;

pub use self::metrics::{METRICS_TYPE, keep_metrics, metrics};

/// What is logged when nobody says: each request, what callers were refused, and what goes wrong.
const DEFAULT: &str = "warn,promolink=info";

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Starts logging, and counting. `RUST_LOG` says what is logged, as the `tracing-subscriber` crate reads it.
pub fn start(format: LogFormat) {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| DEFAULT.to_owned());
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::WARN.into()).parse_lossy(wanted);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
    metrics::start();
}

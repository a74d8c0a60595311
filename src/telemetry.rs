//! What operators see: logs on standard error, and metrics as Prometheus reads them.

mod json;
mod log_queue;
mod metrics;
mod sparing;
#[cfg(feature = "otlp")]
mod traces;

use std::{
    env,
    io::{self, IsTerminal},
};

use tracing_subscriber::{EnvFilter, Layer, fmt::format::JsonFields, layer::SubscriberExt, util::SubscriberInitExt};

use self::{json::JsonLines, log_queue::LogGuard};

#[cfg(feature = "otlp")]
pub use self::traces::{adopt, finish};
pub use self::{
    metrics::{METRICS_TYPE, keep_metrics, metrics},
    sparing::Sparing,
};

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

/// Starts logging, and counting. `RUST_LOG` says what is logged, as the `tracing-subscriber` crate reads it. The log ends
/// when the guard is dropped.
#[must_use]
pub fn start(format: LogFormat) -> LogGuard {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| DEFAULT.to_owned());
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::WARN.into()).parse_lossy(wanted);
    let (writer, guard) = log_queue::start();
    let log = tracing_subscriber::fmt::layer().with_writer(writer);
    let log = match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => log.event_format(JsonLines::new()).fmt_fields(JsonFields::new()).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(log);
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(traces::layer());
    subscriber.init();
    metrics::start();
    guard
}

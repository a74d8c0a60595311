//! What operators see: logs on standard error, metrics in the format of Prometheus, and traces.

mod json;
mod log_queue;
mod log_throttle;
mod metrics;
#[cfg(feature = "otlp")]
mod traces;

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{Directive, LevelFilter},
    fmt::format::JsonFields,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use self::json::JsonLines;

#[cfg(feature = "otlp")]
pub use self::traces::{continue_trace, flush_traces};
pub use self::{
    log_queue::LogGuard,
    log_throttle::LogThrottle,
    metrics::{METRICS_CONTENT_TYPE, render_metrics, run_upkeep},
};

/// The variables that say where traces go, which OpenTelemetry has named.
pub const TRACE_ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// A part of `RUST_LOG` that is malformed.
#[derive(Debug, thiserror::Error)]
#[error(
    "RUST_LOG: \"{0}\" is neither LEVEL nor TARGET=LEVEL, such as info or promolink::sql=debug; the levels are off, error, \
     warn, info, debug and trace"
)]
pub struct InvalidFilter(String);

/// Starts logging and counting. The filter has the syntax of the `tracing-subscriber` crate. The log ends when the guard is
/// dropped.
pub fn start(format: LogFormat, filter: &str) -> Result<LogGuard, InvalidFilter> {
    let filter = parse_filter(filter)?;
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
    Ok(guard)
}

/// Parses a filter. The crate reads a word that is not a level as a target, so a misspelt level would silence everything
/// else: such words are rejected. A misspelt target does not silence errors.
fn parse_filter(text: &str) -> Result<EnvFilter, InvalidFilter> {
    let mut filter = EnvFilter::default().add_directive(LevelFilter::ERROR.into());
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let target = part.split(['=', '[']).next().unwrap_or_default();
        let is_target = target.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'));
        let has_level = part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
        let directive = part.parse::<Directive>().ok().filter(|_| has_level && is_target);
        filter = filter.add_directive(directive.ok_or_else(|| InvalidFilter(part.to_owned()))?);
    }
    Ok(filter)
}

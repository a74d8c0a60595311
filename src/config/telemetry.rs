//! Logs and metrics.
//!
//! | option | variable |
//! |---|---|
//! | `--metrics-listen` | `PROMOLINK_METRICS_LISTEN` |
//! | `--log-format` | `PROMOLINK_LOG_FORMAT` |
//! | | `RUST_LOG` |

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

use super::{ConfigError, Variable, environment, values::parse_address};
use crate::telemetry;

/// The lines that are logged. By default each request, the start and the end of the server, and everything that fails.
pub const LOG_FILTER: Variable = Variable { name: "RUST_LOG", default: Some("warn,promolink=info") };

/// Logs and metrics.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logs and metrics")]
pub struct TelemetryArgs {
    /// Serve Prometheus metrics at /metrics on this address, in addition to /health and /ready. Metrics reveal why links
    /// fail, so callers of the API must not be able to reach this address
    #[arg(long, env = "PROMOLINK_METRICS_LISTEN", value_name = "ADDRESS", value_parser = parse_address)]
    pub metrics_listen: Option<SocketAddr>,
    /// The format of the log
    #[arg(long, env = "PROMOLINK_LOG_FORMAT", value_name = "FORMAT", default_value = "json")]
    pub log_format: LogFormat,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line
    Json,
    /// Human-readable text
    Text,
}

impl From<LogFormat> for telemetry::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text => Self::Text,
        }
    }
}

/// Reads which lines are logged, in the syntax of the `tracing-subscriber` crate.
pub fn log_filter() -> Result<String, ConfigError> {
    let default = LOG_FILTER.default.unwrap_or_default();
    Ok(LOG_FILTER.read()?.unwrap_or_else(|| default.to_owned()))
}

/// The set variables that configure traces, in a program that was built without them.
#[must_use]
pub fn unused_trace_variables() -> Vec<&'static str> {
    let is_set = |name: &&'static str| matches!(environment::read(name), Ok(Some(_)));
    if cfg!(feature = "otlp") { Vec::new() } else { telemetry::TRACE_ENDPOINTS.into_iter().filter(is_set).collect() }
}

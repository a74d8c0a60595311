//! How `serve` is run: how it starts and ends, how much it takes at once, and what it tells operators.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, ValueEnum};

use crate::{
    app::Shutdown,
    commands::{database::UrlParser, parse_switch},
    store::DatabaseUrl,
    telemetry,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Operations")]
pub struct OperationArguments {
    /// Bring the database's tables up to date first, as `promolink migrate` does. Any number of copies may start at once
    #[arg(long, env = "PROMOLINK_MIGRATE", value_parser = parse_switch)]
    pub migrate: bool,
    /// A replica of the PostgreSQL database, for queries: they may then see the past, by as much as the replica lags.
    /// Mutations, and all that decides about a link, use the database itself, and so do queries while the replica is away
    #[arg(long, env = "READ_DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = UrlParser)]
    pub read_database_url: Option<DatabaseUrl>,
    /// How many operations are executed concurrently. Beyond that, callers have equal shares: one that has less than its
    /// share waits up to 2 seconds, others are rejected with 503 and OVERLOADED. While more is rejected than executed, fewer
    /// are executed concurrently, so that each is answered sooner
    #[arg(
        long,
        env = "PROMOLINK_CONCURRENCY",
        value_name = "NUMBER",
        default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub concurrency: u32,
    /// Where /metrics is, for Prometheus, beside /health and /ready. They tell why links fail, so let no caller reach it
    #[arg(long, env = "PROMOLINK_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,
    /// How a line of the log is written
    #[arg(long, env = "PROMOLINK_LOG_FORMAT", value_name = "FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// How long to go on as before after SIGTERM or SIGHUP, with /ready off, so that a balancer looks away first
    #[arg(long, env = "PROMOLINK_SHUTDOWN_DELAY", value_name = "TIME", default_value = "0s", value_parser = time)]
    pub shutdown_delay: Duration,
    /// How long requests under way may then take to end
    #[arg(long, env = "PROMOLINK_SHUTDOWN_GRACE", value_name = "TIME", default_value = "10s", value_parser = time)]
    pub shutdown_grace: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people
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

impl OperationArguments {
    /// How the server ends.
    pub const fn shutdown(&self) -> Shutdown {
        Shutdown { delay: self.shutdown_delay, grace: self.shutdown_grace }
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text);
    time.map_err(|error| format!("{error}; a time is required, such as 10s or 1m 30s"))
}

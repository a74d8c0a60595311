//! Logs: to standard error, for people.

use std::{
    env,
    io::{self, IsTerminal},
};

use tracing_subscriber::EnvFilter;

/// What is logged when nobody says: what callers were refused, and what goes wrong.
const DEFAULT: &str = "warn,promolink=info";

/// Starts logging. `RUST_LOG` says what is logged, as the `tracing-subscriber` crate reads it.
pub fn init() {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).unwrap_or_else(|_| DEFAULT.to_owned());
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::WARN.into()).parse_lossy(wanted);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    log.with_ansi(io::stderr().is_terminal()).init();
}

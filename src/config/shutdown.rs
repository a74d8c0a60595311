//! How a server stops.
//!
//! | option | variable |
//! |---|---|
//! | `--shutdown-delay` | `PROMOLINK_SHUTDOWN_DELAY` |
//! | `--shutdown-grace` | `PROMOLINK_SHUTDOWN_GRACE` |

use std::time::Duration;

use clap::Args;

use super::values::parse_duration;
use crate::app::Shutdown;

/// How a server stops.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shutdown")]
pub struct ShutdownArgs {
    /// Keep serving requests for this long after SIGTERM or SIGHUP while /ready returns 503, so that a load balancer stops
    /// sending requests first
    #[arg(
        long = "shutdown-delay",
        env = "PROMOLINK_SHUTDOWN_DELAY",
        value_name = "DURATION",
        default_value = "0s",
        value_parser = parse_duration
    )]
    delay: Duration,
    /// After that, give requests in progress this long to finish
    #[arg(
        long = "shutdown-grace",
        env = "PROMOLINK_SHUTDOWN_GRACE",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = parse_duration
    )]
    grace: Duration,
}

impl ShutdownArgs {
    /// The settings of the server.
    #[must_use]
    pub const fn settings(&self) -> Shutdown {
        Shutdown { delay: self.delay, grace: self.grace }
    }
}

//! The record of events.
//!
//! | option | variable |
//! |---|---|
//! | `--events-kept` | `PROMOLINK_EVENTS_KEPT` |

use std::time::Duration;

use clap::Args;

use super::values::parse_duration;

/// The shortest time. A mistake must not remove all events.
const MIN_KEPT: Duration = Duration::from_hours(1);

fn parse_kept(text: &str) -> Result<Duration, String> {
    let kept = parse_duration(text)?;
    if kept < MIN_KEPT { Err("it must be at least 1h".to_owned()) } else { Ok(kept) }
}

/// How long events are kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Events")]
pub struct EventArgs {
    /// How long to keep events. Older ones are removed. All servers of a database should have the same value, because the
    /// shortest one applies
    #[arg(
        long = "events-kept",
        env = "PROMOLINK_EVENTS_KEPT",
        value_name = "DURATION",
        default_value = "90d",
        value_parser = parse_kept
    )]
    pub kept: Duration,
}

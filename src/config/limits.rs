//! How much callers may do.
//!
//! | option | variable |
//! |---|---|
//! | `--limit` | `PROMOLINK_LIMITS` |
//! | `--concurrency` | `PROMOLINK_CONCURRENCY` |

use clap::{Args, value_parser};

use crate::auth::{LimitSetting, Limits};

/// How much callers may do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Change the limit of a role, such as storefront.operations=2000 or service.links=none. May be repeated
    #[arg(long = "limit", env = "PROMOLINK_LIMITS", value_name = "ROLE.LIMIT=NUMBER", value_delimiter = ',')]
    changes: Vec<LimitSetting>,
    /// Execute at most this many operations concurrently. Beyond that, callers get equal shares: an operation of a caller
    /// that has less than its share waits up to 2 seconds, others are rejected with 503 and OVERLOADED. While more are
    /// rejected than executed, fewer are executed concurrently, so that each responds sooner
    #[arg(
        long,
        env = "PROMOLINK_CONCURRENCY",
        value_name = "NUMBER",
        default_value_t = 256,
        value_parser = value_parser!(u32).range(1..)
    )]
    pub concurrency: u32,
}

impl LimitArgs {
    /// The limits of all roles.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for change in &self.changes {
            limits.set(*change);
        }
        limits
    }

    /// The limits that differ from the defaults, for the log. `None` if none do.
    #[must_use]
    pub fn changes(&self) -> Option<String> {
        let changes: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        (!changes.is_empty()).then(|| changes.join(","))
    }
}

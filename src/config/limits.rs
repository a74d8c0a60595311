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
    /// Change a limit of a role, such as storefront.operations=2000 or service.links=none. May be repeated
    #[arg(long = "limit", env = "PROMOLINK_LIMITS", value_name = "ROLE.LIMIT=NUMBER", value_delimiter = ',')]
    changes: Vec<LimitSetting>,
    /// Execute at most this many operations concurrently. Beyond that, callers get equal shares: operations of callers that
    /// use less than their share wait up to 2 seconds, and others are rejected with 503 and OVERLOADED. While more
    /// operations are rejected than executed, the limit is reduced, so that each operation finishes sooner
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

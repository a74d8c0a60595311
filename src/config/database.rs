//! The database.
//!
//! | option | variable |
//! |---|---|
//! | `--database-url` | `DATABASE_URL` |
//! | `--read-database-url` | `READ_DATABASE_URL` |
//! | `--migrate` | `PROMOLINK_MIGRATE` |

use std::{ffi::OsStr, fmt::Display};

use clap::{Arg, Args, Command, builder::TypedValueParser, error::ErrorKind, parser::ValueSource};

use super::{ConfigError, environment, values::parse_switch};
use crate::{auth::Secret, store::DatabaseUrl};

const VARIABLE: &str = "DATABASE_URL";
const FALLBACK: &str = "sqlite:promolink.db";

/// The database of a command.
#[derive(Debug, Args)]
pub struct DatabaseArgs {
    /// The database: sqlite:PATH, or postgres://USER@HOST:PORT/DATABASE, followed by ?sslmode=verify-full for TLS. Set a
    /// URL with a password in the variable instead, because other users of the machine can read options
    #[arg(
        long = "database-url",
        env = VARIABLE,
        hide_env_values = true,
        default_value = FALLBACK,
        value_name = "URL",
        value_parser = UrlParser
    )]
    pub url: DatabaseUrl,
}

/// The database of a server: its replica and its tables.
#[derive(Debug, Args)]
pub struct ReplicaArgs {
    /// Bring the database's tables up to date first, like `promolink migrate`. Any number of servers may do so concurrently
    #[arg(long, env = "PROMOLINK_MIGRATE", value_parser = parse_switch)]
    pub migrate: bool,
    /// Send queries to this replica of the PostgreSQL database. Queries may then miss the most recent changes. Mutations
    /// use the primary, and so do queries while the replica is unavailable
    #[arg(
        long = "read-database-url",
        env = "READ_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        value_parser = UrlParser
    )]
    replica: Option<DatabaseUrl>,
}

impl ReplicaArgs {
    /// Returns the URL of the replica, to be shown and to connect to.
    pub const fn url(&self) -> Result<Option<(&DatabaseUrl, &Secret)>, ConfigError> {
        match &self.replica {
            None => Ok(None),
            Some(shown @ DatabaseUrl::Postgres(url)) => Ok(Some((shown, url))),
            Some(DatabaseUrl::Sqlite(_)) => Err(ConfigError::ReplicaOfSqlite),
        }
    }
}

/// Whether a URL is the default because the variable is not set: often a mistake.
#[must_use]
pub fn is_fallback(url: &DatabaseUrl) -> bool {
    url.to_string() == FALLBACK && matches!(environment::read(VARIABLE), Ok(None))
}

/// Parses the URL of a database. clap's own parsers would repeat it in their errors, with the password in it.
#[derive(Debug, Clone)]
struct UrlParser;

impl TypedValueParser for UrlParser {
    type Value = DatabaseUrl;

    fn parse_ref(&self, command: &Command, option: Option<&Arg>, text: &OsStr) -> Result<DatabaseUrl, clap::Error> {
        self.parse_ref_(command, option, text, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        command: &Command,
        option: Option<&Arg>,
        text: &OsStr,
        source: ValueSource,
    ) -> Result<DatabaseUrl, clap::Error> {
        let name = option.map(ToString::to_string).unwrap_or_default();
        let variable = option.and_then(Arg::get_env).unwrap_or_default().display();
        let invalid = |reason: &dyn Display| {
            let message = format!("invalid value for '{name}': {reason}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        };
        match text.to_str().map(str::parse::<DatabaseUrl>) {
            None => Err(invalid(&"the URL is not valid UTF-8")),
            Some(Ok(url)) if source == ValueSource::CommandLine && url.has_password() => Err(invalid(&format_args!(
                "other users of the machine can read a password there: put the URL into {variable}"
            ))),
            Some(Ok(url)) => Ok(url),
            Some(Err(reason)) => Err(invalid(&reason)),
        }
    }
}

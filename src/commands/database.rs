//! The database that a command works on: its URL, and whether it is there and has the tables of this version.

use std::ffi::OsStr;

use anyhow::{Context, ensure};
use clap::{Arg, Args, Command, builder::TypedValueParser, error::ErrorKind, parser::ValueSource};
use futures_util::FutureExt;

use super::{environment::variable, settings_error};
use crate::{
    http::{DatabaseCheck, NotReady},
    store::{self, DatabaseUrl, Migration, MigrationState, Readiness, Store},
};

/// The variable with the URL, if no option has it.
const VARIABLE: &str = "DATABASE_URL";

/// The URL, if neither has it.
const DEFAULT: &str = "sqlite:promolink.db";

/// The option that names the database.
#[derive(Debug, Args)]
pub struct Database {
    #[arg(
        long = "database-url",
        env = VARIABLE,
        hide_env_values = true,
        default_value = DEFAULT,
        value_name = "URL",
        value_parser = UrlParser,
        help = "The database: sqlite:PATH or postgres://USER@HOST:PORT/DATABASE, over TLS with ?sslmode=verify-full at the \
                end. A URL with a password is accepted from the variable only"
    )]
    pub url: DatabaseUrl,
}

impl Database {
    /// The URL of a database that is there and up to date.
    pub async fn ready(self) -> anyhow::Result<DatabaseUrl> {
        ensure_ready(&self.url).await?;
        Ok(self.url)
    }

    /// Opens a database that is there and up to date.
    pub async fn open(self) -> anyhow::Result<(DatabaseUrl, Store)> {
        let store = open(&self.url).await?;
        Ok((self.url, store))
    }
}

/// Opens a database that is there and up to date.
pub async fn open(url: &DatabaseUrl) -> anyhow::Result<Store> {
    ensure_ready(url).await?;
    store::open(url).await.with_context(|| format!("cannot open {url}"))
}

async fn ensure_ready(url: &DatabaseUrl) -> anyhow::Result<()> {
    // Opening an SQLite file would create it.
    if let DatabaseUrl::Sqlite(path) = url
        && !path.exists()
    {
        let may_be_elsewhere = url.to_string() == DEFAULT && variable(VARIABLE)?.is_none();
        let why = if may_be_elsewhere { format!(" ({VARIABLE} is not set)") } else { String::new() };
        return Err(settings_error(format_args!(
            "there is no database {url}{why}: run `promolink migrate` to make one"
        )));
    }
    store::ensure_own_sessions(url).await.with_context(|| format!("cannot open {url}"))?;
    let migrations = store::status(url).await.with_context(|| format!("cannot open {url}"))?;
    ensure!(is_up_to_date(&migrations), "the tables of {url} are missing or out of date: run `promolink migrate`");
    // Servers of this version may go on while those of the next replace them.
    if let Some(unknown) = unknown(&migrations) {
        tracing::warn!(database = %url, migrations = unknown, "a newer version of promolink has migrated the database");
    }
    Ok(())
}

fn is_up_to_date(migrations: &[Migration]) -> bool {
    migrations.iter().all(|migration| migration.state != MigrationState::Pending)
}

/// The migrations that this version does not know, with commas between. `None` if it knows all.
pub fn unknown(migrations: &[Migration]) -> Option<String> {
    let unknown = migrations.iter().filter(|migration| migration.state == MigrationState::Unknown);
    let names: Vec<&str> = unknown.map(|migration| migration.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Checks whether a server is ready: whether its database is.
pub fn database_check(readiness: Readiness) -> DatabaseCheck {
    Box::new(move || {
        let readiness = readiness.clone();
        let check = async move {
            readiness.check().await.map_err(|reason| {
                let shown = NotReady::Database(reason.to_string());
                tracing::warn!(reason = format!("{:#}", anyhow::Error::from(reason)), "the server is not ready");
                shown
            })
        };
        check.boxed()
    })
}

/// Parses the URL of a database. clap's own parsers would repeat it in their errors, with the password in it.
#[derive(Debug, Clone)]
pub struct UrlParser;

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
        let parsed = match text.to_str().map(str::parse::<DatabaseUrl>) {
            None => Err("the URL is not valid UTF-8".to_owned()),
            Some(Ok(url)) if source == ValueSource::CommandLine && url.has_password() => Err(format!(
                "other users of the machine can read arguments: set {variable} instead to a URL with a password"
            )),
            Some(parsed) => parsed,
        };
        parsed.map_err(|reason| {
            let message = format!("invalid value for '{name}': {reason}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }
}

//! The command line. Each command is a file with its arguments and what it does.

mod check;
mod codes;
mod dev;
mod key;
mod migrate;
mod schema;
mod serve;
mod signals;
mod wire;

use std::{env, net::SocketAddr};

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};
use futures_util::FutureExt;
use tokio::net::TcpListener;

use crate::{
    auth::Secret,
    http::DatabaseCheck,
    promotions::{OrgId, OutOfRange},
    store::{self, DatabaseUrl, Readiness, Store},
    telemetry::LogFormat,
};

/// Promolink links promotion codes to customers, over GraphQL.
///
/// Without a command it runs `dev`: a server to try, on its embedded database, with demo data.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    dev: dev::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server to try: loopback only, demo data, no credentials (the default)
    Dev(dev::Arguments),
    /// Run the server in production
    #[command(after_help = serve::notes())]
    Serve(Box<serve::Arguments>),
    /// Bring the database's tables up to date, or list the migrations
    Migrate(migrate::Arguments),
    /// Make, list and revoke the API keys of organisations
    #[command(subcommand)]
    Key(key::Command),
    /// Generate, import and export promotion codes by the million
    #[command(subcommand)]
    Codes(codes::Command),
    /// Check that the data keeps what the rules promise; change nothing
    #[command(after_help = check::notes())]
    Check(check::Arguments),
    /// Print the GraphQL schema
    Schema(schema::Arguments),
}

/// Where the data is.
#[derive(Debug, Args)]
struct Database {
    /// The database: sqlite:PATH or `postgres://USER@HOST:PORT/DATABASE`, over TLS with `?sslmode=verify-full` behind it.
    /// With a password in it, only by the variable
    #[arg(
        long,
        env = DATABASE_VARIABLE,
        hide_env_values = true,
        default_value = "sqlite:promolink.db",
        value_name = "URL"
    )]
    database_url: Secret,
}

/// Where the database's URL is looked for, if no argument has it.
const DATABASE_VARIABLE: &str = "DATABASE_URL";

impl Database {
    fn url(&self) -> anyhow::Result<DatabaseUrl> {
        parse_url(&self.database_url, DATABASE_VARIABLE)
    }

    /// The URL of a database that is there and up to date.
    async fn ready(&self) -> anyhow::Result<DatabaseUrl> {
        let url = self.url()?;
        ensure_ready(&url).await?;
        Ok(url)
    }

    /// Opens a database that is there and up to date.
    async fn open(&self) -> anyhow::Result<(DatabaseUrl, Store)> {
        let url = self.url()?;
        let store = open(&url).await?;
        Ok((url, store))
    }
}

/// Opens a database that is there and up to date.
async fn open(url: &DatabaseUrl) -> anyhow::Result<Store> {
    ensure_ready(url).await?;
    store::open(url).await.with_context(|| format!("cannot open {url}"))
}

async fn ensure_ready(url: &DatabaseUrl) -> anyhow::Result<()> {
    // To open a file of SQLite's would make it.
    if let DatabaseUrl::Sqlite(path) = url {
        ensure!(path.exists(), "there is no database {url}: run `promolink migrate` to make one");
    }
    store::ensure_own_sessions(url).await.with_context(|| format!("cannot open {url}"))?;
    let migrations = store::status(url).await.with_context(|| format!("cannot open {url}"))?;
    ensure!(
        migrations.iter().all(|migration| migration.applied),
        "the tables of {url} are missing or out of date: run `promolink migrate`"
    );
    Ok(())
}

/// Reads a URL, here and not by clap, whose errors would repeat it with the password in it.
fn parse_url(text: &Secret, variable: &str) -> anyhow::Result<DatabaseUrl> {
    let text = text.expose();
    let url: DatabaseUrl = text.parse().map_err(anyhow::Error::msg)?;
    ensure!(
        !url.has_password() || env::var(variable).is_ok_and(|value| value == text),
        "other users of the machine can read arguments: set {variable} instead to a URL with a password"
    );
    Ok(url)
}

/// What makes a server ready: its database.
fn database_check(readiness: Readiness) -> DatabaseCheck {
    Box::new(move || {
        let readiness = readiness.clone();
        let check = async move {
            readiness.check().await.map_err(|reason| {
                let shown = reason.to_string();
                tracing::warn!(reason = format!("{:#}", anyhow::Error::from(reason)), "the server is not ready");
                shown
            })
        };
        check.boxed()
    })
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listening = TcpListener::bind(address).await;
    listening.with_context(|| format!("cannot listen on {address}; --listen takes another address"))
}

fn parse_org(text: &str) -> Result<OrgId, OutOfRange> {
    text.parse::<i64>().map_err(|_| OutOfRange)?.try_into()
}

impl Cli {
    /// How the log is written.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        match &self.command {
            Some(Command::Serve(arguments)) => arguments.operations.log_format.into(),
            _ => LogFormat::Text,
        }
    }

    /// Does what the command line says.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command.unwrap_or(Command::Dev(self.dev)) {
            Command::Dev(arguments) => dev::run(arguments).await,
            Command::Serve(arguments) => serve::run(*arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Key(command) => key::run(command).await,
            Command::Codes(command) => codes::run(command).await,
            Command::Check(arguments) => check::run(arguments).await,
            Command::Schema(arguments) => schema::run(&arguments),
        }
    }
}

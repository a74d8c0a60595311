//! The command line. Each command is a file with its arguments and what it does.

mod codes;
mod dev;
mod migrate;
mod schema;
mod serve;

use clap::{Args, Parser, Subcommand};

use crate::store::DatabaseUrl;

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
    Serve(serve::Arguments),
    /// Bring the database's tables up to date, or list the migrations
    Migrate(migrate::Arguments),
    /// Generate, import and export promotion codes by the million
    #[command(subcommand)]
    Codes(codes::Command),
    /// Print the GraphQL schema
    Schema,
}

/// Where the data is.
#[derive(Debug, Args)]
struct Database {
    /// The database: sqlite:PATH or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:promolink.db",
        value_name = "URL"
    )]
    database_url: String,
}

impl Database {
    /// The URL, read here and not by clap, whose errors would repeat it with the password in it.
    fn url(&self) -> anyhow::Result<DatabaseUrl> {
        self.database_url.parse().map_err(anyhow::Error::msg)
    }
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command.unwrap_or(Command::Dev(self.dev)) {
            Command::Dev(arguments) => dev::run(arguments).await,
            Command::Serve(arguments) => serve::run(&arguments),
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Codes(command) => codes::run(command).await,
            Command::Schema => schema::run(),
        }
    }
}

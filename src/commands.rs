//! The command line. Each command is a file with its arguments and what it does.

mod check;
mod codes;
mod database;
mod dev;
mod environment;
mod http_args;
mod key;
mod migrate;
mod output;
mod schema;
mod serve;
mod signals;

use std::{fmt::Display, net::SocketAddr, process::ExitCode};

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use tokio::net::TcpListener;

use self::{
    database::{Database, open},
    environment::variable,
};
use crate::{
    http,
    promotions::{OrgId, OutOfRange},
    telemetry::{self, LogFormat, LogGuard},
};

/// Promolink links promotion codes to customers, over GraphQL.
///
/// Without a command it runs `dev`: a server to try, on its embedded database, with demo data.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
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
    #[command(after_help = migrate::NOTES)]
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

/// What `--help` ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0    success
  1    failure, or check or codes import found something wrong
  2    wrong settings: an argument, a variable or a file that one of them names. They are checked
       before the first connection. The same command fails again until they are corrected
  130  a second Ctrl-C or SIGTERM has ended it";

/// The exit code for settings that can't work, by which a supervisor knows that to start the program again is of no use.
const WRONG_SETTINGS: u8 = 2;

/// The command line with the options of all commands. clap adds those of a subcommand only when it is built.
fn command_line() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// The error for settings that can't work, such as clap reports where it finds them.
fn settings_error(reason: impl Display) -> anyhow::Error {
    clap::Error::raw(ErrorKind::ValueValidation, format_args!("{reason}\n")).into()
}

/// Says what went wrong, if something did, on one line with its causes. Backtraces are for panics: what an operator can
/// put right is not in the source.
#[must_use]
pub fn exit_code(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    match error.downcast::<clap::Error>() {
        // The text of `--help` is a result.
        Ok(help) if !help.use_stderr() => exit_code(output::read_or_written(help.print())),
        Ok(error) => {
            let _ = error.print();
            ExitCode::from(WRONG_SETTINGS)
        }
        Err(error) => {
            output::remark(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Listens on the address that an option gives.
async fn listen(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    let listening = http::bind(address);
    listening.with_context(|| format!("cannot listen on {address}; {option} takes another address"))
}

/// Parses a switch, on the command line and in variables alike.
fn parse_switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        _ => Err("on or off is required (true, 1 and yes, false, 0 and no are accepted, too)"),
    }
}

fn parse_org(text: &str) -> Result<OrgId, OutOfRange> {
    text.parse::<i64>().map_err(|_| OutOfRange)?.try_into()
}

impl Cli {
    /// Reads the command line and the environment.
    pub fn read() -> Result<Self, clap::Error> {
        let matches = environment::tidied(command_line()).try_get_matches()?;
        Self::from_arg_matches(&matches)
    }

    /// Starts the log. It ends when the guard is dropped.
    pub fn start_log(&self) -> anyhow::Result<LogGuard> {
        let format = match &self.command {
            Some(Command::Serve(arguments)) => arguments.operations.log_format.into(),
            _ => LogFormat::Text,
        };
        telemetry::start(format, variable("RUST_LOG")?.as_deref()).map_err(settings_error)
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

/// Tells the person at the terminal that a server has started, who need not be there.
fn greet(greeting: &str) {
    if let Err(error) = output::print(greeting) {
        tracing::warn!(error = format!("{error:#}"), "the greeting could not be printed");
    }
}

/// Says which settings have no effect.
fn warn_of_ineffective_settings() {
    #[cfg(not(feature = "otlp"))]
    for variable in telemetry::TRACE_ENDPOINTS {
        if environment::variable(variable).is_ok_and(|value| value.is_some()) {
            tracing::warn!(variable, "this variable has no effect: the program was built without the feature otlp");
        }
    }
    let unknown = environment::unknown_variables(&command_line());
    if !unknown.is_empty() {
        tracing::warn!(
            variables = unknown.join(", "),
            "these variables have no effect: there are none with these names"
        );
    }
}

//! The command line. Each command is a file with its arguments, its help, and what it does.
//!
//! Besides commands: `database` opens the database, `startup` has what both servers do when they start, `signals` waits for
//! signals, and `output` writes to standard output and standard error.

mod check;
mod codes;
mod database;
mod dev;
mod events;
mod key;
mod migrate;
mod output;
mod schema;
mod serve;
mod signals;
mod startup;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    config::{self, ConfigError},
    telemetry::{self, LogFormat, LogGuard},
};

/// Promolink links promotion codes to customers, over GraphQL
///
/// Without a command, `promolink` runs `promolink dev`, a demo server with an embedded database. `promolink COMMAND --help`
/// shows the options, examples and exit codes of a command.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    dev: dev::Arguments,
}

/// The help of a command is in its file.
#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Arguments),
    Serve(Box<serve::Arguments>),
    Migrate(migrate::Arguments),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Codes(codes::Command),
    #[command(subcommand)]
    Events(events::Command),
    Check(check::Arguments),
    Schema(schema::Arguments),
}

const HELP: &str = "\
Examples:
  promolink
  promolink --listen 127.0.0.1:9000 --database-url sqlite:try.db
  promolink serve --help

Exit codes:
  0    success
  1    failure, violated invariants (check) or rejected rows (codes import)
  2    invalid settings: an argument, a variable, or a file that one of them names. They are checked
       before the first connection, and the command fails until they are corrected
  130  stopped immediately by a second Ctrl-C or SIGTERM

See also: docs/getting-started.md, docs/configuration.md";

/// The exit code for wrong settings. It tells a supervisor that a restart would fail again.
const WRONG_SETTINGS: u8 = 2;

/// Arguments that can't work, as found by a command after clap has parsed them. The program ends with exit code 2.
#[derive(Debug, thiserror::Error)]
enum UsageError {
    #[error("there is no database {url}{hint}: run `promolink migrate` to create it")]
    NoDatabase { url: String, hint: &'static str },
    #[error("--expires-in must be from 1s until the end of the year 9999, such as 90d")]
    ExpiresIn,
    #[error("the key belongs to organisation {0}: revoke it with --org {0}")]
    KeyOfOtherOrganisation(i64),
    #[error("neither a whole API key nor the id of one: `promolink key list` shows the ids")]
    NotAKey,
    #[error("cannot read {}", .0.display())]
    CannotRead(PathBuf),
    #[error("cannot write {}", .0.display())]
    CannotWrite(PathBuf),
    #[error("--rejects names the file to import, and would replace it")]
    RejectsReplaceInput,
}

impl Cli {
    /// Reads the command line and the environment.
    pub fn read() -> Result<Self, clap::Error> {
        let matches = config::trim_variables(command_line()).try_get_matches()?;
        Self::from_arg_matches(&matches)
    }

    /// Starts the log. It ends when the guard is dropped.
    pub fn start_log(&self) -> anyhow::Result<LogGuard> {
        let format = match &self.command {
            Some(Command::Serve(arguments)) => arguments.log_format(),
            _ => LogFormat::Text,
        };
        Ok(telemetry::start(format, &config::log_filter()?).map_err(ConfigError::from)?)
    }

    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command.unwrap_or(Command::Dev(self.dev)) {
            Command::Dev(arguments) => dev::run(arguments).await,
            Command::Serve(arguments) => serve::run(*arguments).await,
            Command::Migrate(arguments) => migrate::run(arguments).await,
            Command::Key(command) => key::run(command).await,
            Command::Codes(command) => codes::run(command).await,
            Command::Events(command) => events::run(command).await,
            Command::Check(arguments) => check::run(arguments).await,
            Command::Schema(arguments) => schema::run(&arguments),
        }
    }
}

/// The command line with the options of all commands. clap adds those of a subcommand only when it is built.
fn command_line() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Prints the error, if there is one, with its causes on one line, and returns the exit code. Backtraces are for panics:
/// an operator can't correct the source.
#[must_use]
pub fn exit_code(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    let is_wrong_setting = error.is::<ConfigError>() || error.is::<UsageError>();
    match error.downcast::<clap::Error>() {
        // The text of `--help` is a result.
        Ok(help) if !help.use_stderr() => exit_code(output::ignore_closed_pipe(help.print())),
        Ok(error) => {
            output::print_usage_error(&error);
            ExitCode::from(WRONG_SETTINGS)
        }
        Err(error) => {
            output::note(format_args!("error: {error:#}"));
            if is_wrong_setting { ExitCode::from(WRONG_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

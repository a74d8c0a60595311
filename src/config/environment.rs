//! How variables are read. A variable that is set to an empty string is unset. White space around a value is ignored, such
//! as the newline at the end of a secret that `echo` wrote.

use std::env::{self, VarError};

use clap::{Arg, Command};

use super::{ConfigError, telemetry, tokens, webhooks};

/// A variable without an option.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The value that an unset variable stands for, if there is one.
    pub default: Option<&'static str>,
}

/// All variables without an option.
pub const VARIABLES: [Variable; 4] =
    [tokens::SECRET, tokens::PREVIOUS_SECRET, webhooks::ENCRYPTION_KEY, telemetry::LOG_FILTER];

impl Variable {
    /// Returns the value, or `None` if the variable is unset.
    pub fn read(self) -> Result<Option<String>, ConfigError> {
        read(self.name)
    }
}

/// Returns the value of a variable, or `None` if it is unset.
pub(super) fn read(name: &'static str) -> Result<Option<String>, ConfigError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(ConfigError::NotUtf8(name)),
    }
}

/// Makes all options of a command line read their variables in this way. By itself, clap takes empty values and white space
/// for values.
#[must_use]
pub fn trim_variables(command: Command) -> Command {
    command.mut_args(trim_variable).mut_subcommands(trim_variables)
}

fn trim_variable(argument: Arg) -> Arg {
    let value = argument.get_env().and_then(env::var_os).and_then(|value| value.into_string().ok());
    // clap reports values that are not UTF-8.
    let Some(value) = value else { return argument };
    let trimmed = match argument.get_value_delimiter() {
        Some(delimiter) => {
            let items = value.split(delimiter).map(str::trim).filter(|item| !item.is_empty());
            items.collect::<Vec<_>>().join(&delimiter.to_string())
        }
        None => value.trim().to_owned(),
    };
    match trimmed {
        _ if trimmed.is_empty() => argument.env(None),
        _ if trimmed == value => argument,
        // It may be a secret, which `--help` must not show.
        _ => argument.env(None).default_value(trimmed).hide_default_value(true),
    }
}

/// The names of set variables that begin with `PROMOLINK_` and that no option reads: most likely typing errors.
#[must_use]
pub fn unknown_variables(command: &Command) -> Vec<String> {
    let set = env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = set.filter_map(|(name, _)| name.into_string().ok()).filter(|name| name.starts_with("PROMOLINK_"));
    let from_kubernetes = |name: &str| KUBERNETES_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let is_known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name) || is_read_by(command, name);
    names.filter(|name| !from_kubernetes(name) && !is_known(name)).collect()
}

/// Kubernetes sets variables with these prefixes in each container if a service has the name `promolink`.
const KUBERNETES_PREFIXES: [&str; 2] = ["PROMOLINK_SERVICE_", "PROMOLINK_PORT"];

fn is_read_by(command: &Command, variable: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_env().is_some_and(|name| name == variable))
        || command.get_subcommands().any(|command| is_read_by(command, variable))
}

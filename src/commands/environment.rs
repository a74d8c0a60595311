//! The environment as settings read it. A variable that is set to nothing is unset, and the blanks around a value are not
//! part of it, such as the newline at the end of a secret that `echo` wrote.

use std::env::{self, VarError};

use clap::{Arg, Command};

use super::settings_error;

/// The value of a variable that has no option. `None` if it is unset.
pub fn variable(name: &str) -> anyhow::Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(settings_error(format_args!("{name} is not valid UTF-8"))),
    }
}

/// The command line whose options read their variables so. clap reads each as it is.
pub fn tidied(command: Command) -> Command {
    command.mut_args(tidied_argument).mut_subcommands(tidied)
}

fn tidied_argument(argument: Arg) -> Arg {
    let value = argument.get_env().and_then(env::var_os).and_then(|value| value.into_string().ok());
    // What is not UTF-8 is clap's to report.
    let Some(value) = value else { return argument };
    let tidy = match argument.get_value_delimiter() {
        Some(delimiter) => {
            let items = value.split(delimiter).map(str::trim).filter(|item| !item.is_empty());
            items.collect::<Vec<_>>().join(&delimiter.to_string())
        }
        None => value.trim().to_owned(),
    };
    match tidy {
        _ if tidy.is_empty() => argument.env(None),
        _ if tidy == value => argument,
        // It may be a secret, which `--help` must not show.
        _ => argument.env(None).default_value(tidy).hide_default_value(true),
    }
}

/// The variables that begin like ours and that nothing reads, most likely because of a typing error.
pub fn unknown_variables(command: &Command) -> Vec<String> {
    let variables = env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = variables.filter_map(|(name, _)| name.into_string().ok());
    let ours =
        names.filter(|name| name.starts_with("PROMOLINK_") && !FROM_KUBERNETES.iter().any(|p| name.starts_with(p)));
    ours.filter(|name| name != super::serve::SECRET_VARIABLE && !is_read_by(command, name)).collect()
}

/// Kubernetes sets variables that begin so in each container, if there is a service with the name `promolink`.
const FROM_KUBERNETES: [&str; 2] = ["PROMOLINK_SERVICE_", "PROMOLINK_PORT"];

fn is_read_by(command: &Command, variable: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_env().is_some_and(|name| name == variable))
        || command.get_subcommands().any(|command| is_read_by(command, variable))
}

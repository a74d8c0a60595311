//! docs/configuration.md and the heads of src/config list exactly the options and variables that the program reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use clap::{Arg, Command, CommandFactory};
use promolink::{commands::Cli, config::VARIABLES};

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// An option and its variable. Either may be empty.
type Name = (String, String);

/// A row of the table, without its name.
struct Row {
    default: String,
    meaning: String,
}

/// What clap, or the list of variables without an option, says of a setting: its default by command.
type Defaults = BTreeMap<&'static str, Option<String>>;

#[test]
fn the_table_of_settings_is_that_of_the_program() {
    let differences = differences(PAGE);
    assert!(differences.is_empty(), "docs/configuration.md: {differences:#?}");
}

#[test]
fn a_row_that_differs_is_named() {
    let row = |option: &str| PAGE.lines().find(|line| line.starts_with(&format!("| `{option}`"))).unwrap();
    let delay = row("--shutdown-delay");
    for (wrong, expected) in [
        (PAGE.replace("`10s`", "`20s`"), "--shutdown-grace: "),
        (PAGE.replace("`PROMOLINK_JWKS`", "`PROMOLINK_JWK`"), "--jwks PROMOLINK_JWKS: "),
        (PAGE.replace("`dev`: `on`, `serve`: `off`", "`on`"), "--graphiql"),
        (PAGE.replace(delay, ""), "--shutdown-delay PROMOLINK_SHUTDOWN_DELAY: no row"),
        (PAGE.replace(delay, &format!("{delay}\n{}", delay.replace("delay", "stop"))), "--shutdown-stop"),
        (PAGE.replace(delay, &format!("{delay}\n{delay}")), "two rows"),
        (PAGE.replace(delay, &delay.replace("`serve`: ", "")), "begins with `serve`"),
        (PAGE.replace("see [Limits]", "[Limits]"), "--limit "),
    ] {
        let differences = differences(&wrong);
        let is_named = differences.iter().any(|line| line.contains(expected.trim_end_matches(": ")));
        assert!(is_named && differences.len() <= 2, "{expected}: {differences:#?}");
    }
}

#[test]
fn the_heads_of_the_config_files_list_the_same_settings() {
    let mut listed = BTreeSet::new();
    for file in fs::read_dir("src/config").unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("//! ")) {
            listed.extend(cells(line).map(|[option, variable, ..]| (option, variable)));
        }
    }
    let read: BTreeSet<Name> = settings().into_keys().collect();
    assert_eq!(listed, read);
}

fn differences(page: &str) -> Vec<String> {
    let mut settings = settings();
    let mut differences = Vec::new();
    let mut seen = BTreeSet::new();
    for [option, variable, default, meaning] in page.lines().filter_map(cells) {
        let name = (option, variable);
        let shown = shown(&name);
        if !seen.insert(name.clone()) {
            differences.push(format!("{shown}: two rows"));
        } else if let Some(defaults) = settings.remove(&name) {
            differences
                .extend(wrong_with(&Row { default, meaning }, &defaults).map(|wrong| format!("{shown}: {wrong}")));
        } else {
            differences.push(format!("{shown}: the program does not read this option with this variable"));
        }
    }
    differences.extend(settings.keys().map(|name| format!("{}: no row", shown(name))));
    differences
}

fn wrong_with(row: &Row, defaults: &Defaults) -> Option<String> {
    let distinct: BTreeSet<&Option<String>> = defaults.values().collect();
    let expected = match distinct.first() {
        Some(Some(default)) if distinct.len() == 1 => format!("`{default}`"),
        Some(None) if distinct.len() == 1 => String::new(),
        _ => {
            let each = defaults
                .iter()
                .map(|(command, default)| format!("`{command}`: `{}`", default.as_deref().unwrap_or_default()));
            each.collect::<Vec<_>>().join(", ")
        }
    };
    // A list of many defaults is on another page.
    if row.default != expected && !(expected.is_empty() && row.default.starts_with("see [")) {
        return Some(format!("the default is {expected:?}, not {:?}", row.default));
    }
    let is_of_serve = defaults.keys().eq(["serve"].iter());
    let says_so = row.meaning.starts_with("`serve`: ");
    (is_of_serve != says_so)
        .then(|| format!("only `serve` has it: {is_of_serve}; the meaning begins with `serve`: {says_so}"))
}

/// All options of the servers, all options of other commands that read a variable, and all variables without an option.
fn settings() -> BTreeMap<Name, Defaults> {
    let mut command = Cli::command();
    command.build();
    let mut settings: BTreeMap<Name, Defaults> = BTreeMap::new();
    for server in ["dev", "serve"] {
        for argument in command.find_subcommand(server).unwrap().get_arguments() {
            if let Some(option) = argument.get_long().filter(|option| *option != "help") {
                let name = (format!("--{option}"), variable_of(argument));
                settings.entry(name).or_default().insert(server, default_of(argument));
            }
        }
    }
    each_argument(&command, &mut |argument| {
        let name = (format!("--{}", argument.get_long().unwrap_or_default()), variable_of(argument));
        if !name.1.is_empty() {
            settings.entry(name).or_insert_with(|| [("another command", default_of(argument))].into());
        }
    });
    for variable in VARIABLES {
        let default = variable.default.map(str::to_owned);
        settings.insert((String::new(), variable.name.to_owned()), [("all", default)].into());
    }
    settings
}

fn each_argument(command: &Command, look: &mut impl FnMut(&Arg)) {
    command.get_arguments().for_each(&mut *look);
    for command in command.get_subcommands() {
        each_argument(command, look);
    }
}

fn variable_of(argument: &Arg) -> String {
    argument.get_env().map(|name| name.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn default_of(argument: &Arg) -> Option<String> {
    let values = argument.get_default_values().iter().map(|value| value.to_str().unwrap());
    Some(values.collect::<Vec<_>>().join(",")).filter(|default| !default.is_empty())
}

/// The cells of a row with an option or a variable: the names without their backticks, then the others as they are.
fn cells(line: &str) -> Option<[String; 4]> {
    let line = line.strip_prefix("| ")?;
    let mut cells = line.split('|').map(str::trim);
    let name = |cell: &str| cell.trim_matches('`').to_owned();
    let (option, variable) = (cells.next()?, cells.next()?);
    let is_row = option.starts_with("`--") || option.is_empty() && variable.starts_with('`');
    let rest = |cell: Option<&str>| cell.unwrap_or_default().to_owned();
    is_row.then(|| [name(option), name(variable), rest(cells.next()), rest(cells.next())])
}

fn shown((option, variable): &Name) -> String {
    format!("{option} {variable}").trim().to_owned()
}

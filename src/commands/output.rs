//! Standard output and standard error. Either may be a full disk or a pipe without a reader, where `println!` and
//! `eprintln!` panic.

use std::{
    fmt::Display,
    io::{self, Write},
};

use anyhow::Context;

use crate::auth::PresentedKey;

/// Prints the result of a command.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    ignore_closed_pipe(write(text))
}

/// Reports work that is done: on standard error if standard output can't be written.
pub fn report(text: impl Display) {
    if let Err(error) = write(&text) {
        note(format_args!("{text}cannot write to standard output: {error}"));
    }
}

/// Prints a line on standard error, without API keys. If that fails, there is no other place to report it.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", hide_keys(&line.to_string()));
}

/// Prints what clap found wrong with the arguments. clap repeats their values, which may be keys in the wrong place.
pub fn print_usage_error(error: &clap::Error) {
    let text = error.render().to_string();
    if hide_keys(&text) == text {
        // With colours, on a terminal.
        let _ = error.print();
    } else {
        note(text.trim_end());
    }
}

/// Adds the context of standard output to an error. A closed pipe is not an error: its reader, such as `head`, has read
/// enough.
pub fn ignore_closed_pipe(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

fn write(text: impl Display) -> io::Result<()> {
    let mut output = io::stdout();
    // In one piece: a reader of the first line may not read on.
    output.write_all(text.to_string().as_bytes())?;
    output.flush()
}

/// The characters of a key's secret part.
const SECRET_CHARS: usize = 64;

/// Replaces everything that looks like an API key, or the secret part of one, by asterisks.
fn hide_keys(text: &str) -> String {
    let is_key = |word: &str| {
        let is_secret = word.len() >= SECRET_CHARS && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_secret || PresentedKey::has_prefix(word)
    };
    let pieces = text.split_inclusive(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let hidden = pieces.map(|piece| {
        let word = piece.trim_end_matches(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        if is_key(word) { format!("***{}", &piece[word.len()..]) } else { piece.to_owned() }
    });
    hidden.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hidden_wherever_they_stand() {
        let secret = "0123456789abcdef".repeat(4);
        for key in [format!("plk_100458_0199a1b2c3d47e5f8a9b0c1d2e3f4a5b_{secret}"), secret, "plk_1_x".to_owned()] {
            let text = format!("error: invalid value '{key}' for '--org <NUMBER>': {key}\n{key}");
            assert_eq!(hide_keys(&text), "error: invalid value '***' for '--org <NUMBER>': ***\n***");
        }
        let id = "invalid value '0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b' for plk";
        assert_eq!(hide_keys(id), id);
    }
}

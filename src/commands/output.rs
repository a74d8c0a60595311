//! What commands write to standard output and standard error. Either may be a full disk or a pipe without a reader, where
//! `println!` and `eprintln!` panic.

use std::{
    fmt::Display,
    io::{self, Write},
};

use anyhow::Context;

/// Prints the result of a command.
pub fn print(text: impl Display) -> anyhow::Result<()> {
    read_or_written(write(text))
}

/// What came of printing a result. A pipe whose reader has gone, such as `head`, is no error: it has read enough.
pub fn read_or_written(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Reports work that is done: on standard error if standard output can't be written.
pub fn report(text: impl Display) {
    if let Err(error) = write(&text) {
        remark(format_args!("{text}standard output can't be written: {error}"));
    }
}

/// Prints a line on standard error. There is no place to report that this failed.
pub fn remark(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn write(text: impl Display) -> io::Result<()> {
    let mut output = io::stdout();
    // In one piece: a reader of the first line may not read on.
    output.write_all(text.to_string().as_bytes())?;
    output.flush()
}

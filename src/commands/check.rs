//! `promolink check`: looks the whole database over for what should not be.

use std::io::{self, Write};

use anyhow::{Context, ensure};
use clap::Args;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::Database;
use crate::store::{self, Checked, Example};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
    /// Show the codes that are concerned, for an operator's own eyes
    #[arg(long)]
    show_codes: bool,
}

/// What `--help` ends with.
pub fn notes() -> String {
    let invariants: Vec<String> = store::invariants().map(|invariant| format!("  {invariant}\n")).collect();
    format!(
        "It checks, for all organisations, that

{}
and prints a line for each of these: ok, or in how many places it does not hold, the first of
them, and what to do about it. What may well be as it should be is noted, with the reason, and is
no error. Codes are shown with --show-codes only, customers never; the ids of promotions lead to
them. Promolink itself breaks none of these: before you mend a database, find out what wrote to it.

It only reads, and sees the database as it was at one moment, so servers may go on beside it.
Each table is read from one end to the other: half a minute or so for some million rows, in
which the database keeps the old versions of what is changed.

The exit code is 0 if nothing is wrong, and 1 if something is or the database can't be read;
standard error says which.

Examples:
  promolink check
  promolink check --show-codes
  promolink check --database-url sqlite:shop.db",
        invariants.concat()
    )
}

pub async fn run(Arguments { database, show_codes }: Arguments) -> anyhow::Result<()> {
    let url = database.ready().await?;
    let (sender, found) = mpsc::unbounded_channel();
    let (checked, shown) = tokio::join!(store::check(&url, sender), show(found, show_codes));
    checked.with_context(|| format!("cannot check {url}"))?;
    let wrong = shown.context("cannot write what was found")?;
    ensure!(wrong == 0, "{url} is not sound; broken invariants: {wrong}");
    Ok(())
}

/// Prints what is found as it comes. Answers with how many invariants are broken without an excuse.
async fn show(mut found: UnboundedReceiver<Checked>, show_codes: bool) -> io::Result<u32> {
    let mut wrong = 0;
    while let Some(checked) = found.recv().await {
        wrong += u32::from(checked.broken > 0 && checked.excuse.is_none());
        match io::stdout().write_all(lines(&checked, show_codes).as_bytes()) {
            // Whoever reads has seen enough; the exit code tells the rest.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    Ok(wrong)
}

fn lines(Checked { invariant, excuse, broken, examples, advice }: &Checked, show_codes: bool) -> String {
    let state = match (broken, excuse) {
        (0, _) => return format!("ok        {invariant}\n"),
        (_, None) => format!("{broken} wrong"),
        (_, Some(_)) => format!("{broken} noted"),
    };
    let examples = examples.iter().map(|Example { text, code }| match code {
        // What another program wrote may have control characters.
        Some(code) if show_codes => format!("{text} (code {code:?})"),
        _ => text.clone(),
    });
    let others = broken - examples.len() as u64;
    let others = (others > 0).then(|| format!("and {others} more"));
    let excuse = excuse.map(|excuse| format!("({excuse})"));
    let below = examples.chain(others).chain(excuse).chain([format!("What to do: {advice}.")]);
    let below: Vec<String> = below.map(|line| format!("          {line}\n")).collect();
    format!("{state:9} {invariant}\n{}", below.concat())
}

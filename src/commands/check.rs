//! `promolink check`: looks through the whole database for violated invariants.

use std::io::{self, Write};

use anyhow::{Context, ensure};
use clap::Args;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::database;
use crate::{
    config::DatabaseArgs,
    store::{self, Checked, Example},
};

/// Check the data for violated invariants, without changing anything
///
/// For each invariant, prints ok, or the number of violations, the first 20 violations and how to repair them. A violation
/// that can have a legitimate cause is noted with that cause, and is not an error. Customers are never shown, and codes
/// only with --show-codes; look them up by the ids of promotions. Promolink itself never violates these invariants, so
/// before you repair a database, find out which other program wrote to it.
///
/// The command only reads, from one snapshot of the database, so servers may run at the same time. It reads every table
/// completely: a few million rows take about half a minute, during which the database keeps the old versions of changed
/// rows.
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct Arguments {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Show the affected codes
    #[arg(long)]
    show_codes: bool,
}

fn help() -> String {
    let invariants: Vec<String> = store::invariants().map(|invariant| format!("  {invariant}\n")).collect();
    format!(
        "The invariants, for all organisations:
{}
Examples:
  promolink check
  promolink check --show-codes
  promolink check --database-url sqlite:shop.db

Exit codes: 0 all invariants hold, 1 an invariant is violated or the database can't be read, 2 invalid settings. The \
         reason is on standard error.

See also: docs/operating.md (Check the data)",
        invariants.concat()
    )
}

pub async fn run(Arguments { database: DatabaseArgs { url }, show_codes }: Arguments) -> anyhow::Result<()> {
    database::ensure_ready(&url).await?;
    let (sender, checked) = mpsc::unbounded_channel();
    let (done, violated) = tokio::join!(store::check(&url, sender), print(checked, show_codes));
    done.with_context(|| format!("cannot check {url}"))?;
    let violated = violated.context("cannot write to standard output")?;
    ensure!(violated == 0, "{url} is not sound; broken invariants: {violated}");
    Ok(())
}

/// Prints the results as they come. Returns the number of invariants that are violated without a legitimate cause.
async fn print(mut results: UnboundedReceiver<Checked>, show_codes: bool) -> io::Result<u32> {
    let mut violated = 0;
    while let Some(checked) = results.recv().await {
        violated += u32::from(checked.broken > 0 && checked.excuse.is_none());
        match io::stdout().write_all(lines(&checked, show_codes).as_bytes()) {
            // The reader has read enough; the exit code still counts.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
    }
    Ok(violated)
}

fn lines(Checked { invariant, excuse, broken, examples, advice }: &Checked, show_codes: bool) -> String {
    let state = match (broken, excuse) {
        (0, _) => return format!("ok        {invariant}\n"),
        (_, None) => format!("{broken} wrong"),
        (_, Some(_)) => format!("{broken} noted"),
    };
    let examples = examples.iter().map(|Example { text, code }| match code {
        // Another program may have written control characters.
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

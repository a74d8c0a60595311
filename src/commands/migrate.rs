//! `promolink migrate`: brings the database's tables up to date.

use anyhow::Context;
use clap::Args;

use super::{Database, database, output};
use crate::store::{self, Migration, MigrationState, OpenError};

pub const NOTES: &str = "\
Servers of the earlier version may go on meanwhile. A migration that folds codes, since this version takes more \
spellings for the same code, looks at all of them: some seconds for a million. If two codes would become one by that, \
it lists them and changes nothing.";

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
    /// List the migrations and whether the database has them; change nothing
    #[arg(long)]
    status: bool,
    /// Fold all codes again: a server of an earlier version may have added some after the migration
    #[arg(long, conflicts_with = "status")]
    fold_codes: bool,
}

pub async fn run(Arguments { database, status, fold_codes }: Arguments) -> anyhow::Result<()> {
    let url = database.url;
    if status {
        let migrations = store::status(&url).await.with_context(|| format!("cannot read {url}"))?;
        return output::print(migrations.iter().map(line).collect::<String>());
    }
    let applied = listing_collisions(store::migrate(&url).await);
    let applied = applied.with_context(|| format!("cannot bring {url} up to date"))?;
    if applied.is_empty() && !fold_codes {
        output::report(format_args!("{url} is up to date\n"));
    } else {
        let lines: Vec<String> = applied.iter().map(|migration| format!("applied {migration}\n")).collect();
        output::report(lines.concat());
    }
    if fold_codes {
        let changed = listing_collisions(store::fold_again(&url).await);
        let changed = changed.with_context(|| format!("cannot fold the codes of {url}"))?;
        output::report(format_args!("{changed} codes folded again\n"));
    }
    let migrations = store::status(&url).await.with_context(|| format!("cannot read {url}"))?;
    if let Some(unknown) = database::unknown(&migrations) {
        output::remark(format_args!("{url} has migrations of a newer version of promolink: {unknown}"));
    }
    Ok(())
}

fn line(Migration { name, state }: &Migration) -> String {
    match state {
        MigrationState::Applied => format!("applied {name}\n"),
        MigrationState::Pending => format!("pending {name}\n"),
        MigrationState::Unknown => format!("unknown {name} (of a newer version of promolink)\n"),
    }
}

/// Lists codes that would become one. An error alone does not: the log of a server has no codes in it.
fn listing_collisions<T>(migrated: Result<T, OpenError>) -> Result<T, OpenError> {
    if let Err(OpenError::Collisions(collisions)) = &migrated {
        let lines: Vec<_> = collisions.lines().collect();
        output::report(format_args!("{}\n", lines.join("\n")));
    }
    migrated
}

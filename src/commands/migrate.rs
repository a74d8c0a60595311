//! `promolink migrate`: brings the database's tables up to date.

use anyhow::Context;
use clap::Args;

use super::Database;
use crate::store::{self, OpenError};

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
    let url = database.url()?;
    if status {
        for migration in store::status(&url).await.with_context(|| format!("cannot read {url}"))? {
            println!("{:7} {}", if migration.applied { "applied" } else { "pending" }, migration.name);
        }
        return Ok(());
    }
    let applied = listing_collisions(store::migrate(&url).await);
    let applied = applied.with_context(|| format!("cannot bring {url} up to date"))?;
    for migration in &applied {
        println!("applied {migration}");
    }
    if fold_codes {
        let changed = listing_collisions(store::fold_again(&url).await);
        println!("{} codes folded again", changed.with_context(|| format!("cannot fold the codes of {url}"))?);
    } else if applied.is_empty() {
        println!("{url} is up to date");
    }
    Ok(())
}

/// Lists codes that would become one. An error alone does not: the log of a server has no codes in it.
fn listing_collisions<T>(migrated: Result<T, OpenError>) -> Result<T, OpenError> {
    if let Err(OpenError::Collisions(collisions)) = &migrated {
        collisions.lines().for_each(|line| println!("{line}"));
    }
    migrated
}

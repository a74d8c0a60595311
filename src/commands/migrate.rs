//! `promolink migrate`: brings the database's tables up to date.

use anyhow::Context;
use clap::Args;

use super::{database, output};
use crate::{
    config::DatabaseArgs,
    store::{self, Migration, MigrationState, OpenError},
};

const HELP: &str = "\
Examples:
  promolink migrate
  promolink migrate --status
  promolink migrate --distribute
  DATABASE_URL=postgres://promolink:PASSWORD@localhost/promolink promolink migrate

Exit codes: 0 success, 1 failure, 2 invalid settings.

See also: docs/operating.md (Upgrade and roll back), docs/scaling.md (Citus), docs/spelling.md (Upgrading)";

/// Bring the database's tables up to date, or list the migrations
///
/// Creates the tables of a new database, and the SQLite file if it does not exist. If the database is up to date, nothing
/// is changed. Any number of processes may migrate concurrently. Servers of the previous version can keep running.
///
/// If this version accepts more spellings of a code, a migration folds the existing codes again. It reads all of them,
/// which takes some seconds per million. If two codes would become the same, the command lists them and changes nothing.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    database: DatabaseArgs,
    /// List the migrations and whether they are applied, without changing anything
    #[arg(long)]
    status: bool,
    /// Fold all codes again. Run this after the last server of a previous version has stopped, because it may have added
    /// codes since the migration
    #[arg(long, conflicts_with = "status")]
    fold_codes: bool,
    /// Distribute the tables over the servers of a Citus cluster, by organisation. Stop the servers before, and start them
    /// again afterwards. Tables that are distributed already are left alone
    #[arg(long, conflicts_with = "status")]
    distribute: bool,
}

pub async fn run(Arguments { database, status, fold_codes, distribute }: Arguments) -> anyhow::Result<()> {
    let url = database.url;
    if status {
        let migrations = store::status(&url).await.with_context(|| format!("cannot read {url}"))?;
        return output::print(migrations.iter().map(line).collect::<String>());
    }
    let applied = list_collisions(store::migrate(&url).await);
    let applied = applied.with_context(|| format!("cannot bring {url} up to date"))?;
    if applied.is_empty() && !fold_codes && !distribute {
        output::report(format_args!("{url} is up to date\n"));
    } else {
        let lines: Vec<String> = applied.iter().map(|migration| format!("applied {migration}\n")).collect();
        output::report(lines.concat());
    }
    if fold_codes {
        let changed = list_collisions(store::fold_again(&url).await);
        let changed = changed.with_context(|| format!("cannot fold the codes of {url}"))?;
        output::report(format_args!("{changed} codes folded again\n"));
    }
    if distribute {
        let report = |table: &str| output::report(format_args!("distributing {table}\n"));
        let done = store::distribute(&url, report).await;
        done.with_context(|| format!("cannot distribute the tables of {url}"))?;
        output::report(format_args!("all tables of {url} are distributed\n"));
    }
    let migrations = store::status(&url).await.with_context(|| format!("cannot read {url}"))?;
    if let Some(unknown) = database::unknown(&migrations) {
        output::note(format_args!("{url} has migrations of a newer version of promolink: {unknown}"));
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

/// Lists codes that would become one. Their error does not, since a server logs it, and codes must not be logged.
fn list_collisions<T>(migrated: Result<T, OpenError>) -> Result<T, OpenError> {
    if let Err(OpenError::Collisions(collisions)) = &migrated {
        let lines: Vec<_> = collisions.lines().collect();
        output::report(format_args!("{}\n", lines.join("\n")));
    }
    migrated
}

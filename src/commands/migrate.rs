//! `promolink migrate`: brings the database's tables up to date.

use anyhow::Context;
use clap::Args;

use super::{Database, database, output};
use crate::store::{self, Migration, MigrationState};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
    /// List the migrations and whether the database has them; change nothing
    #[arg(long)]
    status: bool,
}

pub async fn run(Arguments { database, status }: Arguments) -> anyhow::Result<()> {
    let url = database.url;
    if status {
        let migrations = store::status(&url).await.with_context(|| format!("cannot read {url}"))?;
        return output::print(migrations.iter().map(line).collect::<String>());
    }
    let applied = store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    if applied.is_empty() {
        output::report(format_args!("{url} is up to date\n"));
    } else {
        let lines: Vec<String> = applied.iter().map(|migration| format!("applied {migration}\n")).collect();
        output::report(lines.concat());
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

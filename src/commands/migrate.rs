//! `promolink migrate`: brings the database's tables up to date.

use anyhow::Context;
use clap::Args;

use super::Database;
use crate::store;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
    /// List the migrations and whether the database has them; change nothing
    #[arg(long)]
    status: bool,
}

pub async fn run(Arguments { database, status }: Arguments) -> anyhow::Result<()> {
    let url = database.url()?;
    if status {
        for migration in store::status(&url).await.with_context(|| format!("cannot read {url}"))? {
            println!("{:7} {}", if migration.applied { "applied" } else { "pending" }, migration.name);
        }
        return Ok(());
    }
    let applied = store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    for migration in &applied {
        println!("applied {migration}");
    }
    if applied.is_empty() {
        println!("{url} is up to date");
    }
    Ok(())
}

//! Opens the database of a command, if it exists and has the tables of this version.

use anyhow::{Context, ensure};

use super::UsageError;
use crate::{
    config,
    store::{self, DatabaseUrl, Migration, MigrationState, Store},
};

/// Opens a database.
pub async fn open(url: &DatabaseUrl) -> anyhow::Result<Store> {
    ensure_ready(url).await?;
    store::open(url).await.with_context(|| format!("cannot open {url}"))
}

/// Waits until the events of a command's changes are in the feed. If that fails, a server does it within a second.
pub async fn settle_events(store: &Store) {
    if let Err(error) = store.events.settle().await {
        tracing::warn!(%error, "the events of the changes are not in the feed yet: a running server adds them");
    }
}

/// Fails if the database does not exist, or if its tables are not those of this version or a later one.
pub async fn ensure_ready(url: &DatabaseUrl) -> anyhow::Result<()> {
    // Opening an SQLite file would create it.
    if let DatabaseUrl::Sqlite(path) = url
        && !path.exists()
    {
        let hint = if config::is_fallback(url) { " (DATABASE_URL is not set)" } else { "" };
        return Err(UsageError::NoDatabase { url: url.to_string(), hint }.into());
    }
    store::ensure_own_sessions(url).await.with_context(|| format!("cannot open {url}"))?;
    let migrations = store::status(url).await.with_context(|| format!("cannot open {url}"))?;
    ensure!(is_up_to_date(&migrations), "the tables of {url} are missing or out of date: run `promolink migrate`");
    // Servers of this version may go on while those of the next replace them.
    if let Some(unknown) = unknown(&migrations) {
        tracing::warn!(database = %url, migrations = unknown, "a newer version of promolink has migrated the database");
    }
    Ok(())
}

fn is_up_to_date(migrations: &[Migration]) -> bool {
    migrations.iter().all(|migration| migration.state != MigrationState::Pending)
}

/// The migrations that this version does not know, separated by commas. `None` if it knows all.
pub fn unknown(migrations: &[Migration]) -> Option<String> {
    let unknown = migrations.iter().filter(|migration| migration.state == MigrationState::Unknown);
    let names: Vec<&str> = unknown.map(|migration| migration.name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

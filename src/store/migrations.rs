//! Migrations: built into the binary, applied on demand, safe to start twice at once.

use diesel::{backend::Backend, migration::MigrationSource};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{DatabaseUrl, OpenError, sqlite};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock under which PostgreSQL is migrated. Any number does that nothing else uses.
const LOCK: i64 = 0x7072_6f6d_6f6c_696e;

/// A migration that this version of the program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name: the moment of its making, then what it is about.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Applies what is pending, and names it.
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let mut connection = sqlite::connect(&path)?;
                // One transaction around all: who comes second waits, and finds nothing left to do.
                connection.immediate_transaction(|connection| apply(connection, SQLITE))
            })
            .await?
        }
        DatabaseUrl::Postgres(url) => {
            let mut connection = AsyncPgConnection::establish(url).await?;
            // Held until the connection closes, at the end of this call.
            connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
            apply(&mut AsyncMigrationHarness::new(connection), POSTGRES)
        }
    }
}

/// All migrations that this version knows, oldest first, and whether the database has them.
pub async fn status(url: &DatabaseUrl) -> Result<Vec<Migration>, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || list(&mut sqlite::connect(&path)?, &SQLITE)).await?
        }
        DatabaseUrl::Postgres(url) => {
            list(&mut AsyncMigrationHarness::new(AsyncPgConnection::establish(url).await?), &POSTGRES)
        }
    }
}

fn apply<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: impl MigrationSource<DB>,
) -> Result<Vec<String>, OpenError> {
    let pending = harness.pending_migrations(migrations).map_err(OpenError::Migration)?;
    harness.run_migrations(&pending).map_err(OpenError::Migration)?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

fn list<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: &impl MigrationSource<DB>,
) -> Result<Vec<Migration>, OpenError> {
    let applied = harness.applied_migrations().map_err(OpenError::Migration)?;
    let mut all = migrations.migrations().map_err(OpenError::Migration)?;
    all.sort_by_key(|migration| migration.name().to_string());
    Ok(all
        .iter()
        .map(|migration| Migration {
            name: migration.name().to_string(),
            applied: applied.contains(&migration.name().version()),
        })
        .collect())
}

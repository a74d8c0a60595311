//! Migrations: built into the binary, applied on demand, safe to start twice at once.

use std::time::Instant;

use diesel::{
    ExpressionMethods, QueryDsl, QueryResult, SqliteConnection, backend::Backend, migration::MigrationSource, pg::Pg,
    sqlite::Sqlite,
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{DatabaseUrl, OpenError, postgres, sqlite};

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
                sqlite::write(&mut connection, Instant::now() + sqlite::BUSY_TIMEOUT, |connection| {
                    apply(connection, SQLITE)
                })
            })
            .await?
        }
        DatabaseUrl::Postgres(url) => {
            postgres::ensure_own_sessions(url.expose()).await?;
            let mut connection = postgres::establish(url.expose()).await?;
            // Held until the connection closes, at the end of this call.
            connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?;
            apply(&mut AsyncMigrationHarness::new(connection), POSTGRES)
        }
    }
}

/// All migrations that this version knows, oldest first, and whether the database has them. Changes nothing.
pub async fn status(url: &DatabaseUrl) -> Result<Vec<Migration>, OpenError> {
    match url {
        // Opening it would make it.
        DatabaseUrl::Sqlite(path) if !path.exists() => list::<Sqlite>(&SQLITE, &[]),
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let applied = applied_to_sqlite(&mut sqlite::look(&path)?)?;
                list::<Sqlite>(&SQLITE, &applied)
            })
            .await?
        }
        DatabaseUrl::Postgres(url) => {
            let applied = applied_to_postgres(&mut postgres::establish(url.expose()).await?).await?;
            list::<Pg>(&POSTGRES, &applied)
        }
    }
}

fn applied_to_sqlite(connection: &mut SqliteConnection) -> QueryResult<Vec<String>> {
    use diesel::RunQueryDsl;

    let journals = sqlite_tables::table.filter(sqlite_tables::name.eq(JOURNAL)).select(diesel::dsl::count_star());
    if journals.get_result::<i64>(connection)? == 0 {
        return Ok(Vec::new());
    }
    journal::table.select(journal::version).load(connection)
}

async fn applied_to_postgres(connection: &mut AsyncPgConnection) -> QueryResult<Vec<String>> {
    use diesel_async::RunQueryDsl;

    if !diesel::select(to_regclass(JOURNAL).is_not_null()).get_result::<bool>(connection).await? {
        return Ok(Vec::new());
    }
    journal::table.select(journal::version).load(connection).await
}

/// Where Diesel notes what was applied.
const JOURNAL: &str = "__diesel_schema_migrations";

diesel::table! {
    #[sql_name = "__diesel_schema_migrations"]
    journal (version) {
        version -> Text,
    }
}

diesel::table! {
    #[sql_name = "sqlite_master"]
    sqlite_tables (name) {
        name -> Text,
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// The table of this name, or null. Cast to text by who reads it.
    fn to_regclass(name: diesel::sql_types::Text) -> diesel::sql_types::Nullable<diesel::sql_types::Oid>;
}

fn apply<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: impl MigrationSource<DB>,
) -> Result<Vec<String>, OpenError> {
    let pending = harness.pending_migrations(migrations).map_err(OpenError::Migration)?;
    harness.run_migrations(&pending).map_err(OpenError::Migration)?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

fn list<DB: Backend>(migrations: &impl MigrationSource<DB>, applied: &[String]) -> Result<Vec<Migration>, OpenError> {
    let mut all = migrations.migrations().map_err(OpenError::Migration)?;
    all.sort_by_key(|migration| migration.name().to_string());
    let known = |version: String| applied.contains(&version);
    Ok(all
        .iter()
        .map(|migration| Migration {
            name: migration.name().to_string(),
            applied: known(migration.name().version().to_string()),
        })
        .collect())
}

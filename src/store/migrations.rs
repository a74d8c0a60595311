//! Migrations: built into the binary, applied on demand, safe to start twice at once.

mod fold_codes;

use std::{
    collections::HashSet,
    marker::PhantomData,
    time::{Duration, Instant},
};

use diesel::{
    Connection, ExpressionMethods, QueryDsl, QueryResult, SqliteConnection,
    backend::Backend,
    migration::{self, Migration as DieselMigration, MigrationSource},
    pg::Pg,
    sqlite::Sqlite,
};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

pub use self::fold_codes::Collisions;
use self::fold_codes::{FoldCodes, PgConnection, fold_codes};
use super::{
    DatabaseUrl, OpenError,
    postgres::{self, Writes},
    sqlite,
};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock under which PostgreSQL is migrated. Any number does that nothing else uses.
const LOCK: i64 = 0x7072_6f6d_6f6c_696e;

/// A migration that this version of the program knows, or that the database has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name: the moment of its making, then what it is about. Of one that this version does not know, the moment only.
    pub name: String,
    /// Which of the two has it.
    pub state: MigrationState,
}

/// Whether the program and the database have a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Both have it.
    Applied,
    /// The database does not have it yet.
    Pending,
    /// A newer version of the program has applied it. Its migrations leave the tables usable for the version before, so
    /// that servers can be replaced one after the other.
    Unknown,
}

/// All migrations of a database: statements, and what statements can't say.
struct All<C> {
    statements: EmbeddedMigrations,
    codes: PhantomData<C>,
}

const ALL_OF_SQLITE: All<SqliteConnection> = All { statements: SQLITE, codes: PhantomData };
const ALL_OF_POSTGRES: All<PgConnection> = All { statements: POSTGRES, codes: PhantomData };

impl<DB: Backend, C> MigrationSource<DB> for All<C>
where
    FoldCodes<C>: DieselMigration<DB> + 'static,
{
    fn migrations(&self) -> migration::Result<Vec<Box<dyn DieselMigration<DB>>>> {
        let mut all = MigrationSource::<DB>::migrations(&self.statements)?;
        all.push(Box::new(FoldCodes::<C>(PhantomData)));
        Ok(all)
    }
}

/// Applies what is pending, and names it.
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            // One transaction around all: a second process waits, and finds nothing left to do.
            let apply = move || {
                let mut connection = sqlite::connect_to_migrate(&path)?;
                sqlite::write(&mut connection, lock_by(), |it| apply(it, ALL_OF_SQLITE))
            };
            tokio::task::spawn_blocking(apply).await?
        }
        DatabaseUrl::Postgres(url) => {
            postgres::ensure_own_sessions(url.expose()).await?;
            let mut connection = postgres::establish(url.expose(), Writes::Required).await?;
            // To begin creates a table, which a role may not be permitted where there is nothing left to do.
            let migrations = status_of_postgres(&mut connection).await?;
            if migrations.iter().all(|migration| migration.state != MigrationState::Pending) {
                return Ok(Vec::new());
            }
            lock(&mut connection).await?;
            apply(&mut AsyncMigrationHarness::new(connection.into_diesel()), ALL_OF_POSTGRES)
        }
    }
}

/// Folds all codes again, of a database that is up to date: a server of an earlier version may have added some since.
/// Returns how many have changed.
pub async fn fold_again(url: &DatabaseUrl) -> Result<usize, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            let fold = move || {
                let mut connection = sqlite::connect_to_migrate(&path)?;
                sqlite::write(&mut connection, lock_by(), |it| fold_codes(it).map_err(OpenError::from))
            };
            tokio::task::spawn_blocking(fold).await?
        }
        DatabaseUrl::Postgres(url) => {
            postgres::ensure_own_sessions(url.expose()).await?;
            let mut connection = postgres::establish(url.expose(), Writes::Required).await?;
            lock(&mut connection).await?;
            let mut connection = PgConnection::from(connection.into_diesel());
            let fold = move || connection.transaction(|it| fold_codes(it).map_err(OpenError::from));
            tokio::task::block_in_place(fold)
        }
    }
}

/// How long a migration waits for another process that migrates a SQLite file: as long as that may take.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);

/// When a migration must have locked a SQLite file.
fn lock_by() -> Instant {
    Instant::now() + MIGRATION_TIMEOUT
}

/// Locks out other migrations until the connection closes.
async fn lock(connection: &mut AsyncPgConnection) -> Result<(), OpenError> {
    Ok(connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?)
}

/// All migrations that this version knows or the database has, oldest first. Changes nothing.
pub async fn status(url: &DatabaseUrl) -> Result<Vec<Migration>, OpenError> {
    match url {
        // Opening it would make it.
        DatabaseUrl::Sqlite(path) if !path.exists() => list::<Sqlite>(&ALL_OF_SQLITE, &[]),
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let applied = applied_to_sqlite(&mut sqlite::look(&path)?)?;
                list::<Sqlite>(&ALL_OF_SQLITE, &applied)
            })
            .await?
        }
        DatabaseUrl::Postgres(url) => {
            status_of_postgres(&mut *postgres::establish(url.expose(), Writes::Optional).await?).await
        }
    }
}

/// The same over a connection to PostgreSQL.
pub async fn status_of_postgres(connection: &mut AsyncPgConnection) -> Result<Vec<Migration>, OpenError> {
    list::<Pg>(&ALL_OF_POSTGRES, &applied_to_postgres(connection).await?)
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
    let pending = harness.pending_migrations(migrations).map_err(OpenError::from)?;
    harness.run_migrations(&pending).map_err(OpenError::from)?;
    Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
}

fn list<DB: Backend>(migrations: &impl MigrationSource<DB>, applied: &[String]) -> Result<Vec<Migration>, OpenError> {
    let mut versions: HashSet<&str> = applied.iter().map(String::as_str).collect();
    let known = migrations.migrations().map_err(OpenError::from)?;
    let mut all: Vec<(String, Migration)> = known
        .iter()
        .map(|migration| {
            let version = migration.name().version().to_string();
            let state = if versions.remove(&*version) { MigrationState::Applied } else { MigrationState::Pending };
            (version, Migration { name: migration.name().to_string(), state })
        })
        .collect();
    let unknown = |version: &str| Migration { name: version.to_owned(), state: MigrationState::Unknown };
    all.extend(versions.into_iter().map(|version| (version.to_owned(), unknown(version))));
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(all.into_iter().map(|(_, migration)| migration).collect())
}

//! Migrations: built into the program, applied on demand, safe to start concurrently.

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
    postgres::{self, DistributionError, Extent, Writes},
    sqlite,
};

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The advisory lock for migrating PostgreSQL: an arbitrary number that nothing else uses.
const LOCK: i64 = 0x7072_6f6d_6f6c_696e;

/// A migration of this version of the program, or of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name: its creation time and topic. Only the time if this version does not know the migration.
    pub name: String,
    /// Whether it is applied.
    pub state: MigrationState,
}

/// Whether a migration is known to the program and applied to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Known and applied.
    Applied,
    /// Known, but not applied yet.
    Pending,
    /// Applied by a newer version of the program. Migrations keep the tables usable for the version before, so that servers
    /// can be replaced one by one.
    Unknown,
}

/// All migrations of a database: those in SQL, and those in Rust.
struct Migrations<C> {
    in_sql: EmbeddedMigrations,
    connection: PhantomData<C>,
}

const ALL_OF_SQLITE: Migrations<SqliteConnection> = Migrations { in_sql: SQLITE, connection: PhantomData };
const ALL_OF_POSTGRES: Migrations<PgConnection> = Migrations { in_sql: POSTGRES, connection: PhantomData };

impl<DB: Backend, C> MigrationSource<DB> for Migrations<C>
where
    FoldCodes<C>: DieselMigration<DB> + 'static,
{
    fn migrations(&self) -> migration::Result<Vec<Box<dyn DieselMigration<DB>>>> {
        let mut all = MigrationSource::<DB>::migrations(&self.in_sql)?;
        all.push(Box::new(FoldCodes::<C>(PhantomData)));
        Ok(all)
    }
}

/// Applies pending migrations. Returns their names.
pub async fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            // One transaction for all of them: a second process waits, and then finds nothing to do.
            let apply = move || {
                let mut connection = sqlite::connect_to_migrate(&path)?;
                sqlite::write(&mut connection, lock_deadline(), |it| apply(it, ALL_OF_SQLITE))
            };
            tokio::task::spawn_blocking(apply).await?
        }
        DatabaseUrl::Postgres(url) => {
            postgres::ensure_own_sessions(url.expose()).await?;
            let mut connection = postgres::establish(url.expose(), Writes::Required).await?;
            let is_distributed = postgres::extent(&mut connection).await? != Extent::None;
            // Applying starts by creating a table, which the role may not be permitted to do, nor need if nothing is pending.
            let migrations = status_of_postgres(&mut connection).await?;
            let is_pending = migrations.iter().any(|migration| migration.state == MigrationState::Pending);
            let applied = if is_pending {
                postgres::ensure_not_on_worker(&mut connection).await?;
                lock(&mut connection).await?;
                apply(&mut AsyncMigrationHarness::new(connection.into_diesel()), ALL_OF_POSTGRES)?
            } else {
                Vec::new()
            };
            if is_distributed {
                let mut connection = postgres::establish(url.expose(), Writes::Required).await?;
                if postgres::extent(&mut connection).await? == Extent::Some {
                    // Some tables are new, or distributing them was interrupted.
                    distribute(&DatabaseUrl::Postgres(url.clone()), |_| {}).await?;
                }
            }
            Ok(applied)
        }
    }
}

/// Distributes the tables of a database that is up to date over the servers of a Citus cluster. Reports the name of each table
/// before it is distributed. Those that are distributed already are left alone.
pub async fn distribute(url: &DatabaseUrl, report: impl FnMut(&str)) -> Result<(), OpenError> {
    let DatabaseUrl::Postgres(url) = url else { return Err(DistributionError::Sqlite.into()) };
    let mut connection = postgres::establish(url.expose(), Writes::Required).await?;
    lock(&mut connection).await?;
    postgres::distribute(&mut connection, report).await
}

/// Folds all codes again in a database that is up to date: a server of an earlier version may have added some since the
/// migration. Returns the number of changed codes.
pub async fn fold_again(url: &DatabaseUrl) -> Result<usize, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            let fold = move || {
                let mut connection = sqlite::connect_to_migrate(&path)?;
                sqlite::write(&mut connection, lock_deadline(), |it| fold_codes(it).map_err(OpenError::from))
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

/// How long a migration waits for another process that migrates the same SQLite file: as long as that may take.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(10);

/// The deadline for locking a SQLite file.
fn lock_deadline() -> Instant {
    Instant::now() + MIGRATION_TIMEOUT
}

/// Excludes other migrations until the connection closes.
async fn lock(connection: &mut AsyncPgConnection) -> Result<(), OpenError> {
    Ok(connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await?)
}

/// The migrations of this version and of the database, oldest first. Changes nothing.
pub async fn status(url: &DatabaseUrl) -> Result<Vec<Migration>, OpenError> {
    match url {
        // Opening the file would create it.
        DatabaseUrl::Sqlite(path) if !path.exists() => list::<Sqlite>(&ALL_OF_SQLITE, &[]),
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let applied = applied_to_sqlite(&mut sqlite::connect_read_only(&path)?)?;
                list::<Sqlite>(&ALL_OF_SQLITE, &applied)
            })
            .await?
        }
        DatabaseUrl::Postgres(url) => {
            status_of_postgres(&mut *postgres::establish(url.expose(), Writes::Optional).await?).await
        }
    }
}

/// The same on a connection to PostgreSQL.
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

/// The table in which Diesel records applied migrations.
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
    /// The table of this name, or null.
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

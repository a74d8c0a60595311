//! Readiness: whether the database can be used, and if not, why.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use diesel::{QueryResult, dsl::sql, sql_types::Bool};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{
    DatabaseUrl, OpenError,
    migrations::{Migration, MigrationState, status, status_of_postgres},
    postgres::{self, Extent, Writes},
};
use crate::promotions::StoreError;

/// How long a database counts as full after a change has failed for lack of space. Only another change can find out
/// whether it still is, and load balancers send none while the server is not ready.
const FULL_FOR: Duration = Duration::from_secs(10);

/// When a change last failed because the database was full.
#[derive(Debug, Default)]
pub struct Space(Mutex<Option<Instant>>);

impl Space {
    /// Records an error that says that the database is full, and ignores others.
    pub fn note(&self, error: &StoreError) {
        if matches!(error, StoreError::Full(_)) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn is_used_up(&self) -> bool {
        let noted = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.is_some_and(|noted| noted.elapsed() < FULL_FOR)
    }
}

/// Checks whether a store's database can be used.
#[derive(Debug, Clone)]
pub struct Readiness {
    url: DatabaseUrl,
    space: Arc<Space>,
    is_distributed: bool,
}

/// Why a database can't be used, in words that unauthenticated callers may read.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It does not respond.
    #[error("the database can't be reached")]
    Unreachable(#[source] OpenError),
    /// It takes no changes.
    #[error("the database takes no changes: it is a standby, or read-only")]
    ReadOnly,
    /// The role of the server may not change the tables.
    #[error("the database role may not change the tables: grant it SELECT, INSERT and UPDATE")]
    NoPrivilege,
    /// Migrations of this version are pending.
    #[error("the database's tables are out of date")]
    OutOfDate,
    /// The tables were distributed over several servers, or are being distributed, since the server was started.
    #[error("the tables were distributed while the server was running: restart it")]
    Distributed,
    /// It has run out of space.
    #[error("the database has no space left")]
    Full,
}

impl Readiness {
    /// `is_distributed`: whether the tables were distributed over several servers when the store was opened.
    pub(super) const fn new(url: DatabaseUrl, space: Arc<Space>, is_distributed: bool) -> Self {
        Self { url, space, is_distributed }
    }

    /// Checks that the database responds, takes changes, and has the tables of this version or a later one, whose servers
    /// may be taking over.
    pub async fn check(&self) -> Result<(), NotReady> {
        match &self.url {
            DatabaseUrl::Sqlite(_) => ensure_up_to_date(&status(&self.url).await?)?,
            DatabaseUrl::Postgres(url) => {
                let mut connection = postgres::establish(url.expose(), Writes::Required).await?;
                ensure_up_to_date(&status_of_postgres(&mut connection).await?)?;
                let expected = if self.is_distributed { Extent::All } else { Extent::None };
                if postgres::extent(&mut connection).await.map_err(OpenError::from)? != expected {
                    return Err(NotReady::Distributed);
                }
                if !may_change_tables(&mut connection).await.map_err(OpenError::from)? {
                    return Err(NotReady::NoPrivilege);
                }
            }
        }
        if self.space.is_used_up() { Err(NotReady::Full) } else { Ok(()) }
    }
}

impl From<OpenError> for NotReady {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::ReadOnly => Self::ReadOnly,
            error => Self::Unreachable(error),
        }
    }
}

fn ensure_up_to_date(migrations: &[Migration]) -> Result<(), NotReady> {
    let is_pending = migrations.iter().any(|migration| migration.state == MigrationState::Pending);
    if is_pending { Err(NotReady::OutOfDate) } else { Ok(()) }
}

/// Whether the role of a connection may read and change the tables, which exist.
async fn may_change_tables(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    diesel::select(sql::<Bool>(include_str!("sql/may_change_tables.sql"))).get_result(connection).await
}

//! Database errors, classified by whether a retry can help.

use std::{error::Error as StdError, iter::successors, sync::Arc};

use diesel::result::{ConnectionError, DatabaseErrorKind, Error};

use super::{
    migrations::Collisions,
    postgres::{DistributionError, UrlError},
    sqlite::FileError,
};
use crate::promotions::{Cause, StoreError};

/// A database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL of a PostgreSQL database can't be used.
    #[error("the database URL can't be used")]
    InvalidUrl(#[from] UrlError),
    /// PostgreSQL can't be reached, or rejects the connection.
    #[error("cannot connect to the database")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// The connection can't be set up.
    #[error("cannot connect to the database")]
    Connect(#[from] ConnectionError),
    /// A SQLite file can't be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The database rejected a statement.
    #[error("the database rejected a statement")]
    Query(#[from] Error),
    /// A pooler shares sessions among its clients.
    #[error(
        "the pooler in front of PostgreSQL shares sessions, as PgBouncer in transaction mode does: connect to PostgreSQL \
         directly, or to a pool in session mode (a process opens at most 15 connections)"
    )]
    SharedSessions,
    /// The connections for reading a SQLite file could not be opened.
    #[error("cannot connect to the database")]
    Readers(#[from] diesel::r2d2::PoolError),
    /// The connection pool could not be built.
    #[error("cannot make a connection pool")]
    Pool(#[from] deadpool::managed::BuildError),
    /// PostgreSQL stores text in an encoding that lacks characters.
    #[error(
        "the database's encoding is {0}, and UTF8 is required: create one with CREATE DATABASE promolink ENCODING 'UTF8' \
         TEMPLATE template0"
    )]
    Encoding(String),
    /// The database takes no changes, and the connection requires one that does.
    #[error("the database takes no changes: it is a standby, or read-only")]
    ReadOnly,
    /// The database takes changes, and its URL requires one that does not.
    #[error("the database takes changes, but its URL says target_session_attrs=read-only")]
    NotReadOnly,
    /// A migration failed and was rolled back.
    #[error("a migration failed: {0}")]
    Migration(Box<dyn StdError + Send + Sync>),
    /// A migration would give different codes the same folded text. It was rolled back.
    #[error(transparent)]
    Collisions(Box<Collisions>),
    /// The tables can't be distributed over several servers.
    #[error(transparent)]
    Distribution(#[from] DistributionError),
    /// A background task panicked.
    #[error("the work on the database was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<Box<dyn StdError + Send + Sync>> for OpenError {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Self {
        error.downcast().map_or_else(Self::Migration, Self::Collisions)
    }
}

/// The result of an operation of a store.
pub type StoreResult<T> = Result<T, StoreError>;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        kind(&error).with_cause(Arc::new(error))
    }
}

/// The kind of a [`StoreError`] that has a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unavailable,
    Contended,
    Full,
    Failed,
}

impl Kind {
    pub fn with_cause(self, cause: Cause) -> StoreError {
        match self {
            Self::Unavailable => StoreError::Unavailable(cause),
            Self::Contended => StoreError::Contended(cause),
            Self::Full => StoreError::Full(cause),
            Self::Failed => StoreError::Failed(cause),
        }
    }
}

/// The kind of an error, as far as Diesel knows it. PostgreSQL's errors are then classified by their SQLSTATE.
fn kind(error: &Error) -> Kind {
    match error {
        Error::BrokenTransactionManager
        | Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        ) => Kind::Unavailable,
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Kind::Contended,
        Error::DatabaseError(_, about) => sqlite_kind(about.message()),
        Error::RollbackErrorOnCommit { commit_error, .. } => kind(commit_error),
        _ => Kind::Failed,
    }
}

/// SQLite's message for SQLITE_CANTOPEN.
pub const CANNOT_OPEN: &str = "unable to open database file";

/// SQLite's message for SQLITE_READONLY.
pub const READ_ONLY: &str = "attempt to write a readonly database";

/// The kind of an error of SQLite. Diesel does not pass on its codes, but SQLite has one message for each, which is
/// compiled in and never translated.
fn sqlite_kind(message: &str) -> Kind {
    match message {
        // SQLITE_BUSY and SQLITE_LOCKED.
        "database is locked" | "database table is locked" => Kind::Contended,
        // SQLITE_FULL.
        "database or disk is full" => Kind::Full,
        // SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY and SQLITE_PROTOCOL: the file, its log or its locks can't be used.
        "disk I/O error" | CANNOT_OPEN | READ_ONLY | "locking protocol" => Kind::Unavailable,
        _ => Kind::Failed,
    }
}

/// Whether another transaction holds a lock, so that the same statement may succeed later.
pub fn is_locked_out(error: &Error) -> bool {
    matches!(kind(error), Kind::Contended)
}

impl From<diesel::r2d2::PoolError> for StoreError {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(Arc::from(Box::<dyn StdError + Send + Sync>::from(in_full(&error))))
    }
}

/// The message of an error and those of its causes.
pub fn in_full(error: &(dyn StdError + 'static)) -> String {
    successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

    use super::*;

    /// A table, and two connections to it.
    fn connections() -> (tempfile::TempDir, [SqliteConnection; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let connect = || SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        let mut connections = [connect(), connect()];
        connections[0].batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE rows (row BLOB)").unwrap();
        (folder, connections)
    }

    fn fails(connection: &mut SqliteConnection, statements: &str) -> StoreError {
        connection.batch_execute(statements).unwrap_err().into()
    }

    #[test]
    fn errors_of_sqlite_are_classified_by_their_messages() {
        let (_folder, [mut first, mut second]) = connections();
        let insert = "INSERT INTO rows VALUES (zeroblob(100000))";
        first.batch_execute("BEGIN IMMEDIATE").unwrap();
        let locked = fails(&mut second, insert);
        assert!(matches!(locked, StoreError::Contended(_)), "{locked:?}");
        first.batch_execute("ROLLBACK").unwrap();
        let full = fails(&mut first, &format!("PRAGMA max_page_count = 10; {insert}"));
        assert!(matches!(full, StoreError::Full(_)), "{full:?}");
        let read_only = fails(&mut second, &format!("PRAGMA query_only = ON; {insert}"));
        assert!(matches!(read_only, StoreError::Unavailable(_)), "{read_only:?}");
        let unknown = fails(&mut first, "INSERT INTO columns VALUES (1)");
        assert!(matches!(unknown, StoreError::Failed(_)), "{unknown:?}");
    }
}

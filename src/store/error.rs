//! What can go wrong in a database, sorted by whether trying again helps.

use std::{iter::successors, sync::Arc};

use diesel::result::{ConnectionError, DatabaseErrorKind, Error};

use super::migrations::Collisions;
use crate::promotions::{Cause, StoreError};

/// A database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can't be reached, or there is no such database.
    #[error("cannot connect to the database")]
    Connect(#[from] ConnectionError),
    /// It answered, but not as it should.
    #[error("the database refused a statement")]
    Query(#[from] Error),
    /// A pooler stands between that shares sessions among its clients.
    #[error(
        "a pooler stands before PostgreSQL that shares sessions, such as PgBouncer in transaction mode: let Promolink \
         connect to PostgreSQL itself, or to a pool in session mode (each process opens 13 connections at most)"
    )]
    SharedSessions,
    /// The pool of connections could not be filled.
    #[error("cannot connect to the database")]
    Readers(#[from] diesel::r2d2::PoolError),
    /// The pool of connections could not be made.
    #[error("cannot make a connection pool")]
    Pool(#[from] deadpool::managed::BuildError),
    /// It can be reached, and a connection that takes changes is required.
    #[error("the database takes no changes: it is a standby, or read-only")]
    ReadOnly,
    /// A migration failed. It has left no trace.
    #[error("a migration failed: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
    /// A migration would make codes that differ into one. It has left no trace.
    #[error(transparent)]
    Collisions(Box<Collisions>),
    /// A background task of the program's own died.
    #[error("the work on the database was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<Box<dyn std::error::Error + Send + Sync>> for OpenError {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        error.downcast().map_or_else(Self::Migration, Self::Collisions)
    }
}

/// The result of work inside a store.
pub type StoreResult<T> = Result<T, StoreError>;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        kind(&error).of(Arc::new(error))
    }
}

/// What kind of error a cause makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unavailable,
    Contended,
    Full,
    Failed,
}

impl Kind {
    pub fn of(self, cause: Cause) -> StoreError {
        match self {
            Self::Unavailable => StoreError::Unavailable(cause),
            Self::Contended => StoreError::Contended(cause),
            Self::Full => StoreError::Full(cause),
            Self::Failed => StoreError::Failed(cause),
        }
    }
}

/// The kind of an error, as far as Diesel knows it. PostgreSQL's are then sorted further, by what it reported.
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

/// The kind of an error of SQLite's. Diesel passes none of these codes on, but SQLite has one text for each, which is
/// compiled in with it and in no other language.
fn sqlite_kind(message: &str) -> Kind {
    match message {
        // SQLITE_BUSY and SQLITE_LOCKED.
        "database is locked" | "database table is locked" => Kind::Contended,
        // SQLITE_FULL.
        "database or disk is full" => Kind::Full,
        // SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY and SQLITE_PROTOCOL: the file, its log or its locks can't be used.
        "disk I/O error"
        | "unable to open database file"
        | "attempt to write a readonly database"
        | "locking protocol" => Kind::Unavailable,
        _ => Kind::Failed,
    }
}

/// Whether another transaction was there first, so that the same statement may succeed when it is done.
pub fn is_in_the_way(error: &Error) -> bool {
    matches!(kind(error), Kind::Contended)
}

impl From<diesel::r2d2::PoolError> for StoreError {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(in_full(&error))))
    }
}

/// An error with all its causes.
pub fn in_full(error: &(dyn std::error::Error + 'static)) -> String {
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
    fn errors_of_sqlite_are_known_by_what_it_says_of_their_codes() {
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

//! What can go wrong in a database, sorted by whether trying again helps.

use std::sync::Arc;

use diesel::result::{ConnectionError, DatabaseErrorKind, Error};

use super::migrations::Collisions;
use crate::promotions::StoreError;

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
    Pool(#[from] diesel_async::pooled_connection::deadpool::BuildError),
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
        match sort(&error) {
            Sort::Unreachable => Self::Unavailable(Arc::new(error)),
            Sort::InTheWay => Self::Contended(Arc::new(error)),
            Sort::Broken => Self::Failed(Arc::new(error)),
        }
    }
}

enum Sort {
    Unreachable,
    InTheWay,
    Broken,
}

fn sort(error: &Error) -> Sort {
    // The connection can't be used any more; a server that shuts down says so and closes it.
    const GONE: [&str; 3] = ["terminating connection", "the database system is", "connection closed"];
    // Another transaction was there first. Diesel has no kind for these, only the database's words.
    const IN_THE_WAY: [&str; 5] = [
        "canceling statement due to",
        "deadlock detected",
        "could not serialize",
        "database is locked",
        "database table is locked",
    ];
    match error {
        Error::BrokenTransactionManager
        | Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _) => {
            Sort::Unreachable
        }
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => Sort::InTheWay,
        Error::DatabaseError(_, about) if GONE.iter().any(|words| about.message().contains(words)) => Sort::Unreachable,
        Error::DatabaseError(_, about) if IN_THE_WAY.iter().any(|words| about.message().contains(words)) => {
            Sort::InTheWay
        }
        _ => Sort::Broken,
    }
}

/// Whether another transaction was there first, so that the same statement may succeed when it is done.
pub fn is_in_the_way(error: &Error) -> bool {
    matches!(sort(error), Sort::InTheWay)
}

impl From<diesel::r2d2::PoolError> for StoreError {
    fn from(error: diesel::r2d2::PoolError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

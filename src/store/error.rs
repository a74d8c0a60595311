//! What can go wrong in a database, sorted by whether trying again helps.

use std::sync::Arc;

use diesel::result::{ConnectionError, DatabaseErrorKind, Error};

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
    /// The pool of connections could not be filled.
    #[error("cannot connect to the database")]
    Readers(#[from] diesel::r2d2::PoolError),
    /// The pool of connections could not be made.
    #[error("cannot make a connection pool")]
    Pool(#[from] diesel_async::pooled_connection::deadpool::BuildError),
    /// A migration failed. It has left no trace.
    #[error("a migration failed: {0}")]
    Migration(Box<dyn std::error::Error + Send + Sync>),
    /// A background task of the server's own died.
    #[error("a migration was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// The result of work inside a store.
pub type StoreResult<T> = Result<T, StoreError>;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        // SQLite tells a lock that it waited for in vain only by this text.
        let locked = matches!(&error, Error::DatabaseError(_, about) if about.message().contains("database is locked"));
        let passing = matches!(
            error,
            Error::BrokenTransactionManager
                | Error::DatabaseError(
                    DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::ClosedConnection,
                    _
                )
        );
        if locked || passing { Self::Unavailable(Arc::new(error)) } else { Self::Failed(Arc::new(error)) }
    }
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

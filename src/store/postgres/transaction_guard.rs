//! Keeps a connection with an open transaction out of the pool.

use super::{connection::Connection, pool::Pooled};

/// A connection on which our own statements begin and end a transaction, unknown to the pool. Unless it is released, it is
/// closed, after a panic too, and PostgreSQL rolls back.
pub struct TransactionGuard(Option<Pooled>);

impl TransactionGuard {
    pub fn new(connection: Pooled) -> Self {
        Self(Some(connection))
    }

    /// The connection, shared by pipelined statements.
    pub fn connection(&self) -> &Connection {
        self.0.as_ref().expect("the guard holds the connection until it is released")
    }

    /// Returns the connection to its pool. No transaction may be open.
    pub fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for TransactionGuard {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Pooled::take(connection));
        }
    }
}

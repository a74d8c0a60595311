//! Keeps a connection whose transaction is open out of the pool.

use super::{connection::Connection, pool::Pooled};

/// A connection on which a transaction is begun and ended by statements of our own, which the pool knows nothing of. It
/// is closed, and PostgreSQL rolls back, unless it is given back: after a panic too.
pub struct Lease(Option<Pooled>);

impl Lease {
    pub fn new(connection: Pooled) -> Self {
        Self(Some(connection))
    }

    /// The connection, as statements that are sent together share it.
    pub fn connection(&self) -> &Connection {
        self.0.as_ref().expect("the connection is there until it is given back")
    }

    /// Gives it back to the pool. No transaction is open.
    pub fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Pooled::take(connection));
        }
    }
}

//! The connection that writes for all requests, one at a time.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use diesel::SqliteConnection;
use tokio::sync::Mutex;

use super::{
    blocking,
    connection::{connect_to_write, write},
};
use crate::{
    promotions::StoreError,
    store::{
        error::{OpenError, StoreResult},
        readiness::Space,
    },
};

/// How long a change waits for the connection and for other processes that have locked the file: as long as for a lock on
/// PostgreSQL. A change that has waited this long for the connection tries once to lock the file.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// The connection, and its file.
pub struct Writer {
    pub path: PathBuf,
    connection: Arc<Mutex<Option<SqliteConnection>>>,
    /// When the database was last full.
    pub space: Arc<Space>,
}

impl Writer {
    /// Opens the file, or creates it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = connect_to_write(path)?;
        Ok(Self { path: path.to_owned(), connection: Arc::new(Mutex::new(Some(connection))), space: Arc::default() })
    }

    /// Runs a closure in a transaction that holds the write lock from the beginning.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let until = Instant::now() + LOCK_TIMEOUT;
        let mut slot = Arc::clone(&self.connection).lock_owned().await;
        let (path, space) = (self.path.clone(), Arc::clone(&self.space));
        blocking(move || {
            // Taken out while it works: a panic or failure closes the connection, which ends its transaction.
            let mut connection = match slot.take() {
                Some(connection) => connection,
                None => connect_to_write(&path)?,
            };
            let result = write(&mut connection, until, work);
            if matches!(result, Ok(_) | Err(StoreError::Contended(_))) {
                *slot = Some(connection);
            }
            result.inspect_err(|error| space.note(error))
        })
        .await
    }
}

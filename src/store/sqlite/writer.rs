//! The connection that writes for all requests, one after the other.

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

/// How long a change waits for its turn and for other processes that have locked the file, as on PostgreSQL for a lock.
/// What waits behind a change that waits for the file has waited as well, and then tries it only once.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// The connection, and the file that it is to.
pub struct Writer {
    pub path: PathBuf,
    connection: Arc<Mutex<Option<SqliteConnection>>>,
    /// Whether the database has space left.
    pub space: Arc<Space>,
}

impl Writer {
    /// Opens the file, which is made if it isn't there.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = connect_to_write(path)?;
        Ok(Self { path: path.to_owned(), connection: Arc::new(Mutex::new(Some(connection))), space: Arc::default() })
    }

    /// Runs a closure in a transaction that may write from its first statement on.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let until = Instant::now() + LOCK_TIMEOUT;
        let mut slot = Arc::clone(&self.connection).lock_owned().await;
        let (path, space) = (self.path.clone(), Arc::clone(&self.space));
        blocking(move || {
            // Taken out while it works: should it panic or fail, the connection goes, and its transaction with it.
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

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
use crate::store::error::{OpenError, StoreResult};

/// How long a change waits for its turn and for other processes that have locked the file, as on PostgreSQL for a lock.
/// What waits behind a change that waits for the file has waited as well, and then tries it only once.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// The connection, and the file that it is to.
pub struct Writer {
    pub path: PathBuf,
    connection: Arc<Mutex<Option<SqliteConnection>>>,
}

impl Writer {
    /// Opens the file, which is made if it isn't there.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = connect_to_write(path)?;
        Ok(Self { path: path.to_owned(), connection: Arc::new(Mutex::new(Some(connection))) })
    }

    /// Runs a closure in a transaction that may write from its first statement on.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let until = Instant::now() + LOCK_TIMEOUT;
        let mut slot = Arc::clone(&self.connection).lock_owned().await;
        let path = self.path.clone();
        blocking(move || {
            // Taken out while it works: should the work panic, the connection goes, and its transaction with it.
            let mut connection = match slot.take() {
                Some(connection) => connection,
                None => connect_to_write(&path)?,
            };
            let result = write(&mut connection, until, work);
            *slot = Some(connection);
            result
        })
        .await
    }
}

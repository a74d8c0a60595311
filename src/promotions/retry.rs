//! Tries again what a database that restarts, or another transaction, has broken off.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::repository::StoreError;

/// How long to wait between tries: a connection that broke off is replaced by a new one at once; a database that
/// restarts may take longer, but callers would rather hear of it.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

/// Work that took longer is not tried again: its caller has waited enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// Does work whose effect is the same once and twice, up to three times.
pub async fn retried<T, W: Future<Output = Result<T, StoreError>>>(work: impl FnMut() -> W) -> Result<T, StoreError> {
    retried_when(|error| matches!(error, StoreError::Unavailable(_) | StoreError::Contended(_)), work).await
}

/// Does work whose effect is the same once and twice, and again where it failed so, up to three times.
pub async fn retried_when<T, W: Future<Output = Result<T, StoreError>>>(
    again: impl Fn(&StoreError) -> bool,
    mut work: impl FnMut() -> W,
) -> Result<T, StoreError> {
    let started = Instant::now();
    for pause in PAUSES {
        match work().await {
            Err(error) if again(&error) && started.elapsed() < PATIENCE => sleep(pause).await,
            done => return done,
        }
    }
    work().await
}

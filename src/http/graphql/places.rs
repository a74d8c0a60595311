//! How many requests go on at once: beyond, more would only make all of them slower.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for requests.
#[derive(Clone)]
pub struct Places(Arc<Semaphore>);

impl Places {
    /// So many.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))))
    }

    /// Whether there may be a place.
    #[must_use]
    pub fn any(&self) -> bool {
        self.0.available_permits() > 0
    }

    /// A place until it is dropped, if one is free.
    #[must_use]
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

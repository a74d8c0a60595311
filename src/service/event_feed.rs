//! Reads of events on behalf of callers.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::retry::retry;
use crate::promotions::{Event, EventPage, EventReads, EventType, FeedBounds, OrgId, StoreError};

/// Concurrent reads of events. A filter that matches few events may read many of them, and other requests need the
/// connections.
const PERMITS: usize = 2;

/// The events of a store, for requests: retries reads that were interrupted, and limits how many run at a time.
pub struct EventFeed {
    events: Arc<dyn EventReads>,
    permits: Semaphore,
}

impl EventFeed {
    /// The events of a store.
    #[must_use]
    pub fn new(events: Arc<dyn EventReads>) -> Self {
        Self { events, permits: Semaphore::new(PERMITS) }
    }

    async fn read<T, R: Future<Output = Result<T, StoreError>>>(
        &self,
        read: impl FnMut() -> R,
    ) -> Result<T, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|closed| StoreError::Failed(Arc::new(closed)))?;
        retry(read).await
    }
}

#[async_trait]
impl EventReads for EventFeed {
    async fn feed_bounds(&self, org: OrgId) -> Result<FeedBounds, StoreError> {
        self.read(|| self.events.feed_bounds(org)).await
    }

    async fn events(&self, org: OrgId, page: &EventPage) -> Result<Vec<Event>, StoreError> {
        self.read(|| self.events.events(org, page)).await
    }

    async fn count_events(&self, org: OrgId, types: &[EventType], after: i64) -> Result<i64, StoreError> {
        self.read(|| self.events.count_events(org, types, after)).await
    }
}

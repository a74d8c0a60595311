//! What deliveries read and change in the store, with few statements at a time.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::sleep};

use super::{
    endpoint::Endpoint,
    repository::{EndpointChange, WebhookRepository},
    sender::log_failure,
};
use crate::promotions::{
    Clock, Event, EventFilter, EventOrder, EventPage, EventReads, NewEvent, StoreError, Timestamp,
};

/// The most concurrent statements of one process, so that webhooks leave the connections of the database to requests.
const MAX_STATEMENTS: usize = 4;

/// The pauses before the result of an attempt is recorded again after the database failed. Together with an attempt they are
/// shorter than a lease.
const RECORD_PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5)];

/// What waits for an endpoint.
#[derive(Default)]
pub struct Waiting {
    /// The first events of its types.
    pub events: Vec<Event>,
    /// The positions of the feed's oldest and newest event before they were read.
    pub first: i64,
    pub last: i64,
}

/// Endpoints and their events, for deliveries.
pub struct EndpointStore {
    repository: Arc<dyn WebhookRepository>,
    events: Arc<dyn EventReads>,
    clock: Arc<dyn Clock>,
    statements: Semaphore,
}

impl EndpointStore {
    /// The endpoints and events of a store.
    pub fn new(repository: Arc<dyn WebhookRepository>, events: Arc<dyn EventReads>, clock: Arc<dyn Clock>) -> Self {
        Self { repository, events, clock, statements: Semaphore::new(MAX_STATEMENTS) }
    }

    /// The first events of its types that wait for an endpoint, at most `limit`.
    pub async fn waiting(&self, endpoint: &Endpoint, limit: u32) -> Result<Waiting, StoreError> {
        let page = EventPage {
            filter: EventFilter { types: endpoint.event_types.clone(), ..EventFilter::default() },
            order: EventOrder::OldestFirst,
            after: Some(endpoint.delivered_position),
            limit,
        };
        let _statement = self.statements.acquire().await;
        // Before the events: what is recorded later is not skipped.
        let bounds = self.events.feed_bounds(endpoint.org).await?;
        let events = self.events.events(endpoint.org, &page).await?;
        Ok(Waiting { events, first: bounds.first, last: bounds.last })
    }

    /// Records the result of an attempt. Repeats that if the database fails: otherwise the message would be sent again.
    pub async fn record(
        &self,
        endpoint: &Endpoint,
        change: impl Fn(&mut Endpoint, Timestamp) -> Option<NewEvent> + Clone + Send + 'static,
    ) -> Result<Option<Endpoint>, StoreError> {
        for pause in RECORD_PAUSES {
            match self.apply(endpoint, change.clone()).await {
                Err(error) => log_failure(&error),
                changed => return changed,
            }
            sleep(pause).await;
        }
        self.apply(endpoint, change).await
    }

    /// Changes an endpoint without an event.
    pub async fn change(
        &self,
        endpoint: &Endpoint,
        change: impl FnOnce(&mut Endpoint, Timestamp) + Send + 'static,
    ) -> Result<Option<Endpoint>, StoreError> {
        self.apply(endpoint, |endpoint, now| {
            change(endpoint, now);
            None
        })
        .await
    }

    async fn apply(
        &self,
        endpoint: &Endpoint,
        change: impl FnOnce(&mut Endpoint, Timestamp) -> Option<NewEvent> + Send + 'static,
    ) -> Result<Option<Endpoint>, StoreError> {
        let _statement = self.statements.acquire().await;
        let clock = Arc::clone(&self.clock);
        // The time when the endpoint is locked: waiting for that must not shorten the lease.
        let change: EndpointChange = Box::new(move |endpoint| change(endpoint, clock.now()));
        self.repository.change_endpoint(endpoint.org, endpoint.id, change).await
    }
}

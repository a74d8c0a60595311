//! Delivers what waits for one endpoint: in the order of positions, one message at a time, at least once.
//!
//! A task takes the lease of the endpoint, sends until nothing waits, an attempt fails or its turn ends, and releases the lease.
//! A slow receiver only keeps the task of its own endpoint waiting.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    attempt::{Attempts, Failure},
    endpoint::{Endpoint, LeaseId},
    endpoint_store::{EndpointStore, Waiting},
    message::Message,
    repository::WebhookRepository,
    retry_schedule::retry_delay,
    service::WebhookSettings,
};
use crate::promotions::{Actor, Attribution, Clock, EventReads, Reason, StoreError, uuid_v7};

/// How long a task sends to one endpoint. Then others that are due have the same chance to be next.
const TURN: Duration = Duration::from_secs(5);

/// The most events of the first message of a turn. If they fit, the next one has up to twice as many: events are rarely long, but
/// 500 of the longest ones have 200 MB.
const FIRST_BATCH: u32 = 16;

/// The delay before the next attempt if this server could not send anything. Another server may have other settings.
const OWN_FAILURE_DELAY: Duration = Duration::from_mins(1);

/// Delivers events and test messages.
pub struct Delivery {
    store: EndpointStore,
    attempts: Attempts,
    clock: Arc<dyn Clock>,
}

impl Delivery {
    /// Delivers the events of a store.
    pub fn new(
        repository: Arc<dyn WebhookRepository>,
        events: Arc<dyn EventReads>,
        settings: Arc<WebhookSettings>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let store = EndpointStore::new(repository, events, Arc::clone(&clock));
        Self { store, attempts: Attempts::new(settings, Arc::clone(&clock)), clock }
    }

    /// The id for a task.
    pub fn new_lease(&self) -> LeaseId {
        LeaseId::new(self.clock.now())
    }

    /// Ends the lease of a task.
    pub async fn release(&self, endpoint: &Endpoint, lease: LeaseId) -> Result<Option<Endpoint>, StoreError> {
        self.store.change(endpoint, move |endpoint, _| endpoint.release(lease)).await
    }

    /// Sends to an endpoint that is due, until nothing waits, an attempt fails or the turn ends. If nothing of its types
    /// waits, `records_skip` says whether to record that.
    pub async fn take_turn(
        &self,
        due: &Endpoint,
        records_skip: bool,
        lease: LeaseId,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        if !due.test_requested {
            let Waiting { events, last, .. } = self.store.waiting(due, 1).await?;
            if events.is_empty() {
                if records_skip {
                    let before = due.clone();
                    self.store.change(due, move |endpoint, _| endpoint.skip(&before, last)).await?;
                }
                return Ok(());
            }
        }
        let (started, mut limit) = (Instant::now(), FIRST_BATCH);
        let mut leased = self.store.change(due, move |endpoint, now| endpoint.lease_to(lease, now)).await?;
        while let Some(endpoint) = leased.filter(|endpoint| endpoint.is_leased_to(lease)) {
            let goes_on = !stop.is_cancelled() && started.elapsed() < TURN;
            if goes_on && endpoint.test_requested && endpoint.permits_attempt(lease, self.clock.now()) {
                leased = self.send_test(&endpoint, lease).await?;
                continue;
            }
            let waiting = if goes_on && endpoint.is_due(self.clock.now()) {
                self.store.waiting(&endpoint, limit.min(endpoint.batch_size)).await?
            } else {
                Waiting::default()
            };
            if waiting.events.is_empty() || !endpoint.permits_attempt(lease, self.clock.now()) {
                self.release(&endpoint, lease).await?;
                break;
            }
            let read = waiting.events.len();
            let (after, sent) = self.send_events(&endpoint, waiting, lease).await?;
            limit = u32::try_from(if sent < read { sent } else { read * 2 }).unwrap_or(u32::MAX).max(1);
            leased = after;
        }
        Ok(())
    }

    async fn send_test(&self, endpoint: &Endpoint, lease: LeaseId) -> Result<Option<Endpoint>, StoreError> {
        let now = self.clock.now();
        let sent = self.attempts.send(endpoint, Message::test(endpoint.id, uuid_v7(now), now)).await;
        let error = sent.err().map(|failure| failure.error);
        let (org, id) = (endpoint.org.get(), endpoint.id.get());
        tracing::info!(org, endpoint = %id, error, "a test message was sent to a webhook endpoint");
        self.store
            .record(endpoint, move |endpoint, now| {
                endpoint.tested(error.clone());
                endpoint.lease_to(lease, now);
                None
            })
            .await
    }

    /// Sends a message. Returns the endpoint after that, and the number of events in the message.
    async fn send_events(
        &self,
        endpoint: &Endpoint,
        waiting: Waiting,
        lease: LeaseId,
    ) -> Result<(Option<Endpoint>, usize), StoreError> {
        let Waiting { events, first, .. } = waiting;
        let removed = first - 1 - endpoint.delivered_position;
        if removed > 0 {
            let (org, id) = (endpoint.org.get(), endpoint.id.get());
            tracing::warn!(org, endpoint = %id, removed, "old events were removed before they were sent to an endpoint");
        }
        let message = if endpoint.batch_size == 1 { Message::of_first(&events) } else { Message::of_batch(&events) };
        let (message, count) = message.map_or_else(|error| (Err(error), 0), |(message, count)| (Ok(message), count));
        let to = count.checked_sub(1).and_then(|last| events.get(last)).map_or(0, |event| event.position);
        // While a slow receiver reads them, they are in memory only once.
        drop(events);
        let tried = endpoint.clone();
        let after = match self.attempts.send(endpoint, message).await {
            Ok(()) => {
                counter!("promolink_webhook_events_delivered_total").increment(count as u64);
                self.store
                    .record(endpoint, move |endpoint, now| {
                        if endpoint.is_leased_to(lease) {
                            endpoint.delivered(&tried, to);
                            endpoint.lease_to(lease, now);
                        }
                        None
                    })
                    .await
            }
            Err(failure) => self.record_failure(tried, failure, lease).await,
        };
        Ok((after?, count))
    }

    /// Records a failed attempt, and releases the lease. If the endpoint was changed meanwhile, the failure says nothing
    /// about what it is now.
    async fn record_failure(
        &self,
        tried: Endpoint,
        failure: Failure,
        lease: LeaseId,
    ) -> Result<Option<Endpoint>, StoreError> {
        let (org, id) = (tried.org.get(), tried.id.get());
        let Failure { error, retry_after, is_final, is_own, .. } = failure;
        let attempts = tried.failed_attempts + 1;
        if is_own {
            tracing::warn!(org, endpoint = %id, error, "a webhook can't be sent by this server");
        } else {
            tracing::info!(org, endpoint = %id, error, attempts, "a webhook was not delivered");
        }
        let random = uuid_v7(self.clock.now()).as_bytes()[15];
        let as_tried = tried.clone();
        self.store
            .record(&tried, move |endpoint, now| {
                if !endpoint.is_leased_to(lease) {
                    return None;
                }
                let old = endpoint.clone();
                endpoint.release(lease);
                if !endpoint.is_as(&as_tried) {
                    return None;
                }
                if is_own {
                    endpoint.postponed(error.clone(), now, OWN_FAILURE_DELAY);
                    return None;
                }
                let reason = format!("the last attempt failed: {error}");
                let random = f64::from(random) / f64::from(u8::MAX);
                let retry = |attempts| if is_final { None } else { retry_delay(attempts, retry_after, random) };
                if endpoint.failed(error.clone(), now, retry) {
                    tracing::warn!(org, endpoint = %id, reason, "a webhook endpoint was disabled");
                }
                let by = Attribution::to(Actor::Server).because(Reason::parse(&reason).ok());
                endpoint.updated_event(&old, &by, now)
            })
            .await
    }
}

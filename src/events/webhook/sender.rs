//! Sends events to endpoints: to each in the order of positions, one message at a time, at least once.
//!
//! A task takes the lease of an endpoint, sends until nothing waits, an attempt fails or its turn ends, and releases it. Any
//! server takes any endpoint that is due, first the one that was served longest ago. A slow endpoint only keeps its own task
//! waiting.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use metrics::counter;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    attempt::{Attempts, Failure},
    backlog_metrics,
    endpoint::{Endpoint, EndpointId, LeaseId},
    message::Message,
    repository::{EndpointChange, WebhookRepository},
    retry_schedule::retry_delay,
    service::WebhookSettings,
};
use crate::{
    promotions::{
        Actor, Attribution, Clock, Event, EventFilter, EventOrder, EventPage, EventReads, OrgId, Reason, StoreError,
        uuid_v7,
    },
    telemetry::LogThrottle,
};

/// Time between two searches for endpoints that are due.
const SEARCH_INTERVAL: Duration = Duration::from_millis(200);

/// The pause after a search that failed, which mostly means that the database is away.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// The most endpoints that one process sends to concurrently. Nearly all of them wait for their receivers.
const MAX_TASKS: usize = 256;

/// How long a task sends to one endpoint. The next turn of an endpoint comes after those of the others that are due.
const TURN: Duration = Duration::from_secs(5);

/// The most statements of one process at once, so that webhooks leave the connections of the database to requests.
const MAX_STATEMENTS: usize = 4;

/// Sends webhooks.
pub struct WebhookSender {
    repository: Arc<dyn WebhookRepository>,
    events: Arc<dyn EventReads>,
    attempts: Attempts,
    clock: Arc<dyn Clock>,
    statements: Semaphore,
}

impl WebhookSender {
    /// A sender of the events in a store.
    pub fn new(
        repository: Arc<dyn WebhookRepository>,
        events: Arc<dyn EventReads>,
        settings: Arc<WebhookSettings>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (attempts, statements) = (Attempts::new(settings, Arc::clone(&clock)), Semaphore::new(MAX_STATEMENTS));
        Self { repository, events, attempts, clock, statements }
    }

    /// Sends until it is told to stop, and then completes the messages that are under way.
    pub async fn run(self, stop: CancellationToken) {
        let sender = Arc::new(self);
        let metrics = backlog_metrics::publish(Arc::clone(&sender.repository), Arc::clone(&sender.clock));
        let _metrics = AbortOnDropHandle::new(tokio::spawn(metrics));
        // So that the metric exists before the first delivery.
        counter!("promolink_webhook_events_delivered_total").increment(0);
        let mut tasks = JoinSet::new();
        let mut searches = interval(SEARCH_INTERVAL);
        searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = searches.tick() => {}
            }
            while tasks.try_join_next().is_some() {}
            let free = u32::try_from(MAX_TASKS - tasks.len()).unwrap_or(0);
            if free == 0 {
                continue;
            }
            match sender.repository.due_endpoints(sender.clock.now(), free).await {
                Ok(due) => {
                    for (org, id) in due {
                        tasks.spawn(Arc::clone(&sender).serve(org, id, stop.clone()));
                    }
                }
                Err(error) => {
                    log_failure(&error);
                    sleep(FAILURE_PAUSE).await;
                }
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn serve(self: Arc<Self>, org: OrgId, id: EndpointId, stop: CancellationToken) {
        let lease = LeaseId::new(self.clock.now());
        if let Err(error) = self.send_all(org, id, lease, &stop).await {
            log_failure(&error);
        }
    }

    /// Sends to an endpoint until nothing waits, an attempt fails or the turn ends.
    async fn send_all(
        &self,
        org: OrgId,
        id: EndpointId,
        lease: LeaseId,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let (now, started) = (self.clock.now(), Instant::now());
        let mut leased = self.change(org, id, move |endpoint| endpoint.lease_to(lease, now)).await?;
        while let Some(endpoint) = leased.filter(|endpoint| endpoint.is_leased_to(lease)) {
            let goes_on = !stop.is_cancelled() && started.elapsed() < TURN;
            if goes_on && endpoint.test_requested {
                leased = self.send_test(&endpoint, lease).await?;
                continue;
            }
            let may_send = goes_on && endpoint.is_due(self.clock.now());
            let (last, events) = if may_send { self.next_events(&endpoint).await? } else { (0, Vec::new()) };
            if events.is_empty() {
                let (from, to) = (endpoint.delivered_position, last.max(endpoint.delivered_position));
                self.change(org, id, move |endpoint| {
                    if may_send && endpoint.delivered_position == from {
                        endpoint.delivered_position = to;
                    }
                    endpoint.release(lease);
                })
                .await?;
                break;
            }
            leased = self.send_events(&endpoint, events, lease).await?;
        }
        Ok(())
    }

    /// The events of the next message. Before them, the last position of the feed: if there are none, nothing waits up to it.
    async fn next_events(&self, endpoint: &Endpoint) -> Result<(i64, Vec<Event>), StoreError> {
        let page = EventPage {
            filter: EventFilter { types: endpoint.event_types.clone(), ..EventFilter::default() },
            order: EventOrder::OldestFirst,
            after: Some(endpoint.delivered_position),
            limit: endpoint.batch_size,
        };
        let _statement = self.statements.acquire().await;
        let last = self.events.feed_bounds(endpoint.org).await?.last;
        let mut events = self.events.events(endpoint.org, &page).await?;
        events.truncate(Message::capacity(&events));
        Ok((last, events))
    }

    async fn send_test(&self, endpoint: &Endpoint, lease: LeaseId) -> Result<Option<Endpoint>, StoreError> {
        let now = self.clock.now();
        let sent = self.attempts.send(endpoint, Message::test(endpoint.id, uuid_v7(now), now)).await;
        let error = sent.err().map(|failure| format!("test: {}", failure.error));
        let now = self.clock.now();
        self.change(endpoint.org, endpoint.id, move |endpoint| {
            endpoint.test_requested = false;
            if error.is_some() || endpoint.failed_attempts == 0 {
                endpoint.last_error = error;
            }
            endpoint.lease_to(lease, now);
        })
        .await
    }

    async fn send_events(
        &self,
        endpoint: &Endpoint,
        events: Vec<Event>,
        lease: LeaseId,
    ) -> Result<Option<Endpoint>, StoreError> {
        let message = match &*events {
            [event] if endpoint.batch_size == 1 => Message::of_event(event),
            events => Message::of_batch(events),
        };
        let (from, count) = (endpoint.delivered_position, events.len() as u64);
        let to = events.last().map_or(from, |event| event.position);
        // While a slow receiver reads them, they are in memory only once.
        drop(events);
        let sent = self.attempts.send(endpoint, message).await;
        let now = self.clock.now();
        match sent {
            Ok(()) => {
                counter!("promolink_webhook_events_delivered_total").increment(count);
                self.change(endpoint.org, endpoint.id, move |endpoint| {
                    if endpoint.is_leased_to(lease) {
                        endpoint.delivered(from, to, now);
                        endpoint.lease_to(lease, now);
                    }
                })
                .await
            }
            Err(failure) => self.record_failure(endpoint, failure, lease).await,
        }
    }

    /// Records a failed attempt, and releases the lease.
    async fn record_failure(
        &self,
        endpoint: &Endpoint,
        failure: Failure,
        lease: LeaseId,
    ) -> Result<Option<Endpoint>, StoreError> {
        let (org, id, now) = (endpoint.org.get(), endpoint.id.get(), self.clock.now());
        let Failure { error, retry_after, is_final, .. } = failure;
        tracing::info!(org, endpoint = %id, error, attempts = endpoint.failed_attempts + 1, "a webhook was not delivered");
        let random = f64::from(u8::try_from(uuid_v7(now).as_u128() & 0xff).unwrap_or(0)) / 255.0;
        let change: EndpointChange = Box::new(move |endpoint| {
            if !endpoint.is_leased_to(lease) {
                return None;
            }
            let old = endpoint.clone();
            let reason = format!("the last attempt failed: {error}");
            let retry = |attempts| if is_final { None } else { retry_delay(attempts, retry_after, random) };
            if endpoint.failed(error, now, retry) {
                tracing::warn!(org, endpoint = %id, reason, "a webhook endpoint was disabled");
            }
            endpoint.release(lease);
            let by = Attribution::to(Actor::Server).because(Reason::parse(&reason).ok());
            endpoint.updated_event(&old, &by, now)
        });
        let _statement = self.statements.acquire().await;
        self.repository.change_endpoint(endpoint.org, endpoint.id, change).await
    }

    /// Changes an endpoint without an event.
    async fn change(
        &self,
        org: OrgId,
        id: EndpointId,
        change: impl FnOnce(&mut Endpoint) + Send + 'static,
    ) -> Result<Option<Endpoint>, StoreError> {
        let change: EndpointChange = Box::new(|endpoint| {
            change(endpoint);
            None
        });
        let _statement = self.statements.acquire().await;
        self.repository.change_endpoint(org, id, change).await
    }
}

fn log_failure(error: &StoreError) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::warn!(%error, left_out, "webhooks could not be sent, and will be later");
    }
}

//! Finds the endpoints that are due, and sends to many of them concurrently. Any server sends to any endpoint.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use metrics::counter;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    backlog_metrics, delivery::Delivery, endpoint::Endpoint, repository::WebhookRepository, service::WebhookSettings,
};
use crate::{
    promotions::{Clock, EventReads, StoreError},
    telemetry::LogThrottle,
};

/// Time between two searches for endpoints that are due.
const SEARCH_INTERVAL: Duration = Duration::from_millis(200);

/// Of this many searches, one records the positions of endpoints for which nothing new matches: every 10 seconds. So a busy
/// feed causes few changes of endpoints with a filter.
const SEARCHES_PER_SKIP: u64 = 50;

/// The pause after the database failed, before the next statement.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// The most endpoints that one process sends to concurrently. Nearly all of them wait for their receivers.
const MAX_TASKS: usize = 256;

/// Sends webhooks.
pub struct WebhookSender {
    repository: Arc<dyn WebhookRepository>,
    clock: Arc<dyn Clock>,
    delivery: Arc<Delivery>,
}

impl WebhookSender {
    /// A sender of the events in a store.
    pub fn new(
        repository: Arc<dyn WebhookRepository>,
        events: Arc<dyn EventReads>,
        settings: Arc<WebhookSettings>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let delivery = Delivery::new(Arc::clone(&repository), events, settings, Arc::clone(&clock));
        Self { repository, clock, delivery: Arc::new(delivery) }
    }

    /// Sends until it is told to stop, and then completes the messages that are under way.
    pub async fn run(self, stop: CancellationToken) {
        let metrics = backlog_metrics::publish(Arc::clone(&self.repository), Arc::clone(&self.clock));
        let _metrics = AbortOnDropHandle::new(tokio::spawn(metrics));
        // So that the metric exists before the first delivery.
        counter!("promolink_webhook_events_delivered_total").increment(0);
        let mut tasks = JoinSet::new();
        let mut searches = interval(SEARCH_INTERVAL);
        searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0_u64.. {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = searches.tick() => {}
            }
            while tasks.try_join_next().is_some() {}
            let free = u32::try_from(MAX_TASKS - tasks.len()).unwrap_or(0);
            if free == 0 {
                continue;
            }
            match self.repository.due_endpoints(self.clock.now(), free).await {
                Ok(due) => {
                    for endpoint in due {
                        let records_skip = number % SEARCHES_PER_SKIP == 0;
                        tasks.spawn(serve(Arc::clone(&self.delivery), endpoint, records_skip, stop.clone()));
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
}

/// Sends to an endpoint that is due.
async fn serve(delivery: Arc<Delivery>, due: Endpoint, records_skip: bool, stop: CancellationToken) {
    let lease = delivery.new_lease();
    if let Err(error) = delivery.take_turn(&due, records_skip, lease, &stop).await {
        log_failure(&error);
        sleep(FAILURE_PAUSE).await;
        // If this fails, too, the lease expires.
        let _ = delivery.release(&due, lease).await;
    }
}

/// Logs a failure of the database.
pub fn log_failure(error: &StoreError) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::warn!(%error, left_out, "webhooks could not be sent, and will be later");
    }
}

//! Metrics of endpoints: how many fail, and how far they are behind.

use std::{collections::HashSet, sync::Arc, time::Duration};

use metrics::{Gauge, gauge};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    endpoint::EndpointId,
    repository::{EndpointStates, WebhookRepository},
};
use crate::promotions::Clock;

/// Time between two samples.
const INTERVAL: Duration = Duration::from_secs(5);

/// The most endpoints of one sample: those that have waited longest.
const MAX_ENDPOINTS: u32 = 200;

/// The most endpoints with metrics of this process. They stay in memory, also those of endpoints that were deleted.
const MAX_PUBLISHED: usize = 2_000;

/// The gauges of an endpoint.
fn gauges(endpoint: EndpointId) -> [Gauge; 2] {
    ["promolink_webhook_backlog", "promolink_webhook_backlog_seconds"]
        .map(|name| gauge!(name, "endpoint" => endpoint.get().to_string()))
}

/// Publishes the backlogs of endpoints, until the task is aborted.
pub async fn publish(repository: Arc<dyn WebhookRepository>, clock: Arc<dyn Clock>) {
    let states = ["failing", "disabled"].map(|state| gauge!("promolink_webhook_endpoints", "state" => state));
    let (mut behind, mut published) = (HashSet::new(), HashSet::new());
    let mut samples = interval(INTERVAL);
    samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        samples.tick().await;
        // The sender logs failures of the database.
        if let Ok(EndpointStates { failing, disabled }) = repository.endpoint_states().await {
            for (state, count) in states.iter().zip([failing, disabled]) {
                state.set(u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
        let Ok(mut backlogs) = repository.backlogs(MAX_ENDPOINTS).await else { continue };
        backlogs.retain(|backlog| {
            if published.len() < MAX_PUBLISHED {
                published.insert(backlog.endpoint);
            }
            published.contains(&backlog.endpoint)
        });
        let before: HashSet<EndpointId> = std::mem::take(&mut behind);
        behind.extend(backlogs.iter().map(|backlog| backlog.endpoint));
        for endpoint in before.difference(&behind) {
            for gauge in gauges(*endpoint) {
                gauge.set(0);
            }
        }
        for backlog in backlogs {
            let [positions, seconds] = gauges(backlog.endpoint);
            positions.set(u32::try_from(backlog.positions).unwrap_or(u32::MAX));
            let millis = backlog.since.map_or(0, |since| clock.now().millis() - since.millis());
            seconds.set(Duration::from_millis(u64::try_from(millis).unwrap_or(0)).as_secs_f64());
        }
    }
}

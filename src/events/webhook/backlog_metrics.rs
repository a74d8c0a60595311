//! Metrics of how far endpoints are behind.

use std::{collections::HashSet, sync::Arc, time::Duration};

use metrics::{Gauge, gauge};
use tokio::time::{MissedTickBehavior, interval};

use super::{endpoint::EndpointId, repository::WebhookRepository};
use crate::promotions::Clock;

/// Time between two samples.
const INTERVAL: Duration = Duration::from_secs(5);

/// The most endpoints with metrics, so that these stay few.
const MAX_ENDPOINTS: u32 = 200;

/// The gauges of an endpoint.
fn gauges(endpoint: EndpointId) -> [Gauge; 2] {
    ["promolink_webhook_backlog", "promolink_webhook_backlog_seconds"]
        .map(|name| gauge!(name, "endpoint" => endpoint.get().to_string()))
}

/// Publishes the backlogs of endpoints, until the task is aborted.
pub async fn publish(repository: Arc<dyn WebhookRepository>, clock: Arc<dyn Clock>) {
    let mut behind: HashSet<EndpointId> = HashSet::new();
    let mut samples = interval(INTERVAL);
    samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        samples.tick().await;
        // The sender logs failures of the database.
        let Ok(backlogs) = repository.backlogs(MAX_ENDPOINTS).await else { continue };
        let before = std::mem::take(&mut behind);
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

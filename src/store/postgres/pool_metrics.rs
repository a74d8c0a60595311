//! Metrics of the connections to a database.

use std::time::Duration;

use deadpool::managed::Pool;
use metrics::{Gauge, gauge};
use tokio::time::interval;

use super::pool::Connector;

/// Time between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The gauges of a database.
struct PoolMetrics {
    used: Gauge,
    idle: Gauge,
    awaited: Gauge,
}

/// Publishes the total number of connections of these pools, until the pools are dropped.
pub fn watch<const N: usize>(pools: [&Pool<Connector>; N], database: &str) {
    let state = |state| gauge!("promolink_database_connections", "database" => database.to_owned(), "state" => state);
    let metrics = PoolMetrics { used: state("used"), idle: state("idle"), awaited: state("awaited") };
    let pools = pools.map(Pool::weak);
    tokio::spawn(async move {
        let mut samples = interval(SAMPLE_INTERVAL);
        loop {
            samples.tick().await;
            let mut open = Vec::with_capacity(N);
            for pool in &pools {
                open.extend(pool.upgrade());
            }
            if open.is_empty() {
                break;
            }
            metrics.record(&open);
        }
    });
}

impl PoolMetrics {
    fn record(&self, pools: &[Pool<Connector>]) {
        let (mut used, mut idle, mut awaited) = (0, 0, 0);
        for pool in pools {
            let status = pool.status();
            used += status.size.saturating_sub(status.available);
            idle += status.available;
            awaited += status.waiting;
        }
        for (gauge, count) in [(&self.used, used), (&self.idle, idle), (&self.awaited, awaited)] {
            gauge.set(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }
}

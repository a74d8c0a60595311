//! What operators see of the connections to a database.

use std::time::Duration;

use deadpool::managed::Pool;
use metrics::{Gauge, gauge};
use tokio::time::interval;

use super::pool::Connector;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where a database's metrics are kept.
struct PoolFigures {
    used: Gauge,
    idle: Gauge,
    awaited: Gauge,
}

/// Publishes the connections of these pools to a database, together, for as long as the pools exist.
pub fn watch<const N: usize>(pools: [&Pool<Connector>; N], database: &str) {
    let state = |state| gauge!("promolink_database_connections", "database" => database.to_owned(), "state" => state);
    let figures = PoolFigures { used: state("used"), idle: state("idle"), awaited: state("awaited") };
    let pools = pools.map(Pool::weak);
    tokio::spawn(async move {
        let mut looks = interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let mut open = Vec::with_capacity(N);
            for pool in &pools {
                open.extend(pool.upgrade());
            }
            if open.is_empty() {
                break;
            }
            figures.tell(&open);
        }
    });
}

impl PoolFigures {
    fn tell(&self, pools: &[Pool<Connector>]) {
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

//! What operators see of the pool of connections.

use diesel_async::{AsyncPgConnection, pooled_connection::deadpool::Pool};
use metrics::{Gauge, gauge};

/// Where the pool's metrics are kept.
pub struct PoolFigures {
    used: Gauge,
    idle: Gauge,
    awaited: Gauge,
}

impl PoolFigures {
    pub fn new() -> Self {
        let state = |state| gauge!("promolink_database_connections", "state" => state);
        Self { used: state("used"), idle: state("idle"), awaited: state("awaited") }
    }

    /// Tells of the pool as it is now.
    pub fn tell(&self, pool: &Pool<AsyncPgConnection>) {
        let status = pool.status();
        let count = |gauge: &Gauge, count| gauge.set(u32::try_from(count).unwrap_or(u32::MAX));
        count(&self.used, status.size.saturating_sub(status.available));
        count(&self.idle, status.available);
        count(&self.awaited, status.waiting);
    }
}

//! What operators see of a pool of connections.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, pooled_connection::deadpool::Pool};
use metrics::{Gauge, gauge};
use tokio::time::interval;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where a pool's metrics are kept.
struct PoolFigures {
    used: Gauge,
    idle: Gauge,
    awaited: Gauge,
}

/// Tells of the connections to this database, for as long as there is the pool.
pub fn watch(pool: &Pool<AsyncPgConnection>, database: &str) {
    let state = |state| gauge!("promolink_database_connections", "database" => database.to_owned(), "state" => state);
    let figures = PoolFigures { used: state("used"), idle: state("idle"), awaited: state("awaited") };
    let pool = pool.weak();
    tokio::spawn(async move {
        let mut looks = interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let Some(pool) = pool.upgrade() else { break };
            figures.tell(&pool);
        }
    });
}

impl PoolFigures {
    fn tell(&self, pool: &Pool<AsyncPgConnection>) {
        let status = pool.status();
        let count = |gauge: &Gauge, count| gauge.set(u32::try_from(count).unwrap_or(u32::MAX));
        count(&self.used, status.size.saturating_sub(status.available));
        count(&self.idle, status.available);
        count(&self.awaited, status.waiting);
    }
}

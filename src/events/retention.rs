//! Removes events that are older than the server keeps them.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::promotions::{Clock, EventRepository, Timestamp};

/// Time between two searches for old events.
const INTERVAL: Duration = Duration::from_secs(60);

/// Events of an organisation that one transaction removes. Others wait for it: on SQLite all changes, on PostgreSQL new
/// events of the organisation.
const CHUNK: u32 = 500;

/// The pause between two transactions.
const PAUSE: Duration = Duration::from_millis(10);

/// Removes events once they are older than `kept`, in small transactions, until the task is aborted.
pub async fn remove_old_events(events: Arc<dyn EventRepository>, clock: Arc<dyn Clock>, kept: Duration) {
    let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    let removed_events = counter!("promolink_events_removed_total");
    let mut searches = interval(INTERVAL);
    searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        searches.tick().await;
        let before = Timestamp::from_millis(clock.now().millis().saturating_sub(kept));
        loop {
            match events.remove_events(before, CHUNK).await {
                Ok(0) => break,
                Ok(removed) => removed_events.increment(removed),
                Err(error) => {
                    tracing::warn!(%error, "old events could not be removed, and will be later");
                    break;
                }
            }
            sleep(PAUSE).await;
        }
    }
}

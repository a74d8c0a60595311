//! Removes events that are older than the server keeps them.

use std::{sync::Arc, time::Duration};

use metrics::counter;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::promotions::{AgeLimit, Clock, EventRepository, Removed, Timestamp};

/// Time between two searches for old events.
const INTERVAL: Duration = Duration::from_mins(1);

/// How much longer events are kept that an enabled webhook endpoint waits for, in milliseconds: 7 days. An endpoint that fails
/// is disabled after at most 4 days.
const MAX_BACKLOG_AGE: i64 = 7 * 86_400_000;

/// Events of an organisation that one transaction removes. Others wait for it: on SQLite all changes, on PostgreSQL new
/// events of the organisation.
const CHUNK: u32 = 500;

/// The pause between two transactions.
const PAUSE: Duration = Duration::from_millis(10);

/// Removes events once they are older than `kept`, in small transactions, until the task is aborted. Events that a webhook
/// endpoint waits for are kept for up to a week longer.
pub async fn remove_old_events(events: Arc<dyn EventRepository>, clock: Arc<dyn Clock>, kept: Duration) {
    let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    let removed_events = counter!("promolink_events_removed_total");
    let removed_undelivered = counter!("promolink_events_removed_undelivered_total");
    let mut searches = interval(INTERVAL);
    searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        searches.tick().await;
        let before = Timestamp::from_millis(clock.now().millis().saturating_sub(kept));
        let in_any_case_before = Timestamp::from_millis(before.millis().saturating_sub(MAX_BACKLOG_AGE));
        let age = AgeLimit { before, in_any_case_before };
        loop {
            match events.remove_events(age, CHUNK).await {
                Ok(Removed { events: 0, .. }) => break,
                Ok(Removed { events, undelivered }) => {
                    removed_events.increment(events);
                    removed_undelivered.increment(undelivered);
                    if undelivered > 0 {
                        tracing::warn!(undelivered, "events were removed that a webhook endpoint waited for");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "old events could not be removed, and will be later");
                    break;
                }
            }
            sleep(PAUSE).await;
        }
    }
}

//! Gives committed events their positions.
//!
//! Changes write events to the outbox and wake the task of their process. The task locks the feeds of the organisations
//! concerned, and moves what is committed to the feeds. Any process may do so for any organisation, and they wait for each
//! other at the feed's lock, so that a feed grows by one transaction at a time: positions have no gaps, and a reader never
//! sees a position before an earlier one.
//!
//! Events of a process that ended before it numbered them are found by the others, which search the outbox once a second.

mod round;

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use diesel_async::RunQueryDsl;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};

use self::round::number;
use super::{pool::Connections, statements};
use crate::{
    promotions::{OrgId, StoreError},
    store::error::StoreResult,
    telemetry::LogThrottle,
};

/// The pause after each round. Under load, events share a round: it costs a commit, however many there are.
const ROUND_PAUSE: Duration = Duration::from_millis(20);

/// The least pause after a round, for each of its organisations. A round costs statements for each; after a pause, there are more
/// events to share them.
const PAUSE_PER_ORG: Duration = Duration::from_micros(500);

/// Time between two searches for events of processes that have ended.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a failure, which mostly means that the database is away.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// The most organisations of a round.
const ORGS_PER_ROUND: usize = 500;

/// The organisations that have new events in the outbox.
#[derive(Debug, Default)]
pub struct Outbox {
    orgs: Mutex<BTreeSet<OrgId>>,
    wake: Notify,
}

impl Outbox {
    /// Has the events of an organisation numbered soon. To be called after their commit.
    pub fn wake(&self, orgs: impl IntoIterator<Item = OrgId>) {
        self.orgs.lock().unwrap_or_else(PoisonError::into_inner).extend(orgs);
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<i64> {
        let mut waiting = self.orgs.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = waiting.iter().nth(ORGS_PER_ROUND).copied();
        let rest = rest.map(|first| waiting.split_off(&first)).unwrap_or_default();
        if !rest.is_empty() {
            self.wake.notify_one();
        }
        mem::replace(&mut *waiting, rest).into_iter().map(OrgId::get).collect()
    }
}

/// Numbers events until the task is aborted.
pub async fn run(connections: Arc<Connections>, outbox: Arc<Outbox>) {
    let mut searches = interval(SEARCH_INTERVAL);
    searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let found = tokio::select! {
            () = outbox.wake.notified() => Ok(()),
            _ = searches.tick() => search(&connections, &outbox).await,
        };
        // A search of a distributed database fails while any of its servers is down. The events of this process need none.
        let pause = number_waiting(&connections, &outbox).await;
        let done = found.and(pause);
        sleep(done.unwrap_or_else(|error| {
            log_failure(&error, None);
            FAILURE_PAUSE
        }))
        .await;
    }
}

fn log_failure(error: &StoreError, org: Option<i64>) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::warn!(%error, org, left_out, "events could not be given their positions, and will be later");
    }
}

/// Numbers all committed events of all organisations, except those that other servers are numbering.
pub async fn number_all(connections: &Connections) -> StoreResult<()> {
    while number(connections, &find(connections).await?).await?.numbered > 0 {}
    Ok(())
}

async fn search(connections: &Connections, outbox: &Outbox) -> StoreResult<()> {
    let found = find(connections).await?;
    let found: Result<Vec<OrgId>, _> = found.into_iter().map(OrgId::try_from).collect();
    outbox.orgs.lock().unwrap_or_else(PoisonError::into_inner).extend(found?);
    Ok(())
}

async fn find(connections: &Connections) -> StoreResult<Vec<i64>> {
    let limit = i64::try_from(ORGS_PER_ROUND)?;
    let mut connection = connections.for_numbering().await?;
    let found =
        statements::OutboxOrgs { limit, is_distributed: connections.is_distributed }.load(&mut connection).await;
    found.map_err(|error| connection.classify(error.into()))
}

/// Numbers events of the waiting organisations. Organisations with more events wait for the next round. Returns the pause
/// before that.
async fn number_waiting(connections: &Connections, outbox: &Outbox) -> StoreResult<Duration> {
    let orgs = outbox.take();
    let pause = PAUSE_PER_ORG * u32::try_from(orgs.len())?;
    let mut with_more = Vec::new();
    let mut number_some = async |orgs: &[i64]| {
        let round = number(connections, orgs).await?;
        with_more.extend(round.with_more);
        Ok::<_, StoreError>(())
    };
    // Organisations of a distributed database are on different servers, some of which may be down.
    let mut one_by_one = connections.is_distributed;
    if !one_by_one {
        match number_some(&orgs).await {
            // One organisation's data may be damaged. It must not hold up the others.
            Err(StoreError::Failed(_)) if orgs.len() > 1 => one_by_one = true,
            // The next search finds them again.
            done => done?,
        }
    }
    if one_by_one {
        for org in orgs {
            if let Err(error) = number_some(&[org]).await {
                log_failure(&error, Some(org));
            }
        }
    }
    let with_more = with_more.into_iter().map(OrgId::try_from).collect::<Result<Vec<_>, _>>()?;
    if with_more.is_empty() {
        return Ok(pause.max(ROUND_PAUSE));
    }
    outbox.wake(with_more);
    Ok(ROUND_PAUSE)
}

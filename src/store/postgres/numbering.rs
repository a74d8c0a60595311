//! Gives committed events their positions.
//!
//! Changes write events to the outbox and wake the task of their process. The task locks the feeds of the organisations
//! concerned, and moves what is committed to the feeds. Any process may do so for any organisation, and they wait for each
//! other at the feed's lock, so that a feed grows by one transaction at a time: positions have no gaps, and a reader never
//! sees a position before an earlier one.
//!
//! Events of a process that ended before it numbered them are found by the others, which search the outbox once a second.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{join, join3};
use metrics::histogram;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{connection::Connection, pool::Connections, statements, transaction_guard::TransactionGuard};
use crate::{
    promotions::{OrgId, StoreError},
    store::error::StoreResult,
    telemetry::LogThrottle,
};

/// The pause after each round. Under load, events share a round: it costs a commit, however many there are.
const ROUND_PAUSE: Duration = Duration::from_millis(20);

/// Time between two searches for events of processes that have ended.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a failure, which mostly means that the database is away.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// The most events of a round. It takes a fraction of a second, so that no organisation waits long for the import of another
/// one.
const EVENTS_PER_ROUND: i64 = 5_000;

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
        let pause = match found {
            Ok(()) => number_waiting(&connections, &outbox).await.map(|()| ROUND_PAUSE),
            Err(error) => Err(error),
        };
        sleep(pause.unwrap_or_else(|error| {
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
    let found = statements::OutboxOrgs { limit }.load(&mut connection).await;
    found.map_err(|error| connection.reported.classify(error.into()))
}

/// Numbers events of the waiting organisations. Organisations with more events wait for the next round.
async fn number_waiting(connections: &Connections, outbox: &Outbox) -> StoreResult<()> {
    let orgs = outbox.take();
    let mut with_more = Vec::new();
    let mut number_some = async |orgs: &[i64]| {
        let round = number(connections, orgs).await?;
        with_more.extend(round.with_more);
        Ok::<_, StoreError>(())
    };
    match number_some(&orgs).await {
        Err(StoreError::Failed(_)) if orgs.len() > 1 => {
            // One organisation's data may be damaged. It must not hold up the others.
            for org in orgs {
                if let Err(error) = number_some(&[org]).await {
                    log_failure(&error, Some(org));
                }
            }
        }
        // The next search finds them again.
        done => done?,
    }
    let with_more = with_more.into_iter().map(OrgId::try_from).collect::<Result<Vec<_>, _>>()?;
    if !with_more.is_empty() {
        outbox.wake(with_more);
    }
    Ok(())
}

/// What a round has left.
#[derive(Default)]
struct Round {
    /// The organisations that may have more events in the outbox.
    with_more: Vec<i64>,
    /// The events that were numbered.
    numbered: i64,
}

/// Numbers the oldest events of organisations, in one transaction.
async fn number(connections: &Connections, orgs: &[i64]) -> StoreResult<Round> {
    if orgs.is_empty() {
        return Ok(Round::default());
    }
    let guard = TransactionGuard::new(connections.for_numbering().await?);
    let round = number_in_transaction(guard.connection(), orgs).await;
    match round {
        Ok(round) => {
            guard.release();
            Ok(round)
        }
        // The guard closes the connection, which rolls back.
        Err(error) => Err(guard.connection().reported.classify(error)),
    }
}

/// Statements that are sent together: if one fails, those after it do too, and the transaction is still open.
async fn number_in_transaction(connection: &Connection, orgs: &[i64]) -> StoreResult<Round> {
    let connection: &AsyncPgConnection = connection;
    let (begun, made, locked) = join3(
        statements::Begin.execute(&mut &*connection),
        statements::InsertFeeds(orgs.to_vec()).execute(&mut &*connection),
        statements::LockFeeds(orgs.to_vec()).load::<i64>(&mut &*connection),
    )
    .await;
    begun.and(made)?;
    let locked = locked?;
    if locked.is_empty() {
        // Nothing waits, or other servers number it.
        statements::Rollback.execute(&mut &*connection).await?;
        return Ok(Round::default());
    }
    let limit = (EVENTS_PER_ROUND / i64::try_from(locked.len())?).max(1);
    let (numbered, committed) = join(
        statements::NumberEvents { orgs: locked, limit }.load::<(i64, i64, i64)>(&mut &*connection),
        statements::Commit.execute(&mut &*connection),
    )
    .await;
    // A COMMIT after a failed statement rolls back and reports success: the failure must come first.
    let numbered = numbered?;
    committed?;
    for (_, _, age) in &numbered {
        let age = u64::try_from(*age).unwrap_or(0);
        histogram!("promolink_event_lag_seconds").record(Duration::from_millis(age));
    }
    Ok(Round {
        with_more: numbered.iter().filter(|(_, events, _)| *events >= limit).map(|(org, ..)| *org).collect(),
        numbered: numbered.iter().map(|(_, events, _)| events).sum(),
    })
}

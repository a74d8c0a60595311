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
use futures_util::future::join5;
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

/// The pause after a failure.
const FAILURE_PAUSE: Duration = Duration::from_millis(200);

/// The most events of an organisation in a round, so that a large import does not delay the events of others.
const EVENTS_PER_ROUND: i64 = 5_000;

/// The most organisations of a round.
const ORGS_PER_ROUND: usize = 1_000;

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
        mem::replace(&mut *waiting, rest).into_iter().map(OrgId::get).collect()
    }
}

/// Numbers events until the task is aborted.
pub async fn run(connections: Arc<Connections>, outbox: Arc<Outbox>) {
    let mut searches = interval(SEARCH_INTERVAL);
    searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let searched = tokio::select! {
            () = outbox.wake.notified() => Ok(()),
            _ = searches.tick() => search(&connections, &outbox).await,
        };
        let pause = match searched {
            Ok(()) => number_waiting(&connections, &outbox).await.map(|()| ROUND_PAUSE),
            Err(error) => Err(error),
        };
        sleep(pause.unwrap_or_else(|error| {
            log_failure(&error);
            FAILURE_PAUSE
        }))
        .await;
    }
}

fn log_failure(error: &StoreError) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::warn!(%error, left_out, "events could not be given their positions, and will be later");
    }
}

/// Numbers all committed events of all organisations.
pub async fn number_all(connections: &Connections) -> StoreResult<()> {
    loop {
        let orgs = find(connections).await?;
        if orgs.is_empty() {
            return Ok(());
        }
        number(connections, orgs).await?;
    }
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
    if orgs.is_empty() {
        return Ok(());
    }
    let numbered = number(connections, orgs).await?;
    let with_more = numbered.into_iter().filter(|(_, events)| *events >= EVENTS_PER_ROUND);
    let with_more: Result<Vec<OrgId>, _> = with_more.map(|(org, _)| org.try_into()).collect();
    let with_more = with_more?;
    if !with_more.is_empty() {
        outbox.wake(with_more);
    }
    Ok(())
}

/// Numbers the oldest events of organisations, in one transaction. Returns the number of events of each.
async fn number(connections: &Connections, orgs: Vec<i64>) -> StoreResult<Vec<(i64, i64)>> {
    let guard = TransactionGuard::new(connections.for_numbering().await?);
    let numbered = number_in_transaction(guard.connection(), orgs).await;
    match numbered {
        Ok(numbered) => {
            guard.release();
            Ok(numbered)
        }
        // The guard closes the connection, which rolls back.
        Err(error) => Err(guard.connection().reported.classify(error)),
    }
}

/// All statements are sent together. If one fails, those after it do too, and the transaction is still open.
async fn number_in_transaction(connection: &Connection, orgs: Vec<i64>) -> StoreResult<Vec<(i64, i64)>> {
    let connection: &AsyncPgConnection = connection;
    let (begun, made, locked, numbered, committed) = join5(
        statements::Begin.execute(&mut &*connection),
        statements::InsertFeeds(orgs.clone()).execute(&mut &*connection),
        statements::LockFeeds(orgs.clone()).execute(&mut &*connection),
        statements::NumberEvents { orgs, limit: EVENTS_PER_ROUND }.load(&mut &*connection),
        statements::Commit.execute(&mut &*connection),
    )
    .await;
    // A COMMIT after a failed statement rolls back and reports success: the failure must come first.
    begun.and(made).and(locked)?;
    let numbered = numbered?;
    committed?;
    Ok(numbered)
}

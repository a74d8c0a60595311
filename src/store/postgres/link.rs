//! Linking in PostgreSQL. One statement for each organisation of a batch locks its codes, and reads them with their campaigns and
//! holds. Holds are read again if another transaction may have added one before the lock.
//!
//! A transaction without writes ends with ROLLBACK. Locking a row takes a transaction id, and the COMMIT of a transaction
//! that has one waits for the disk: its duration would reveal which codes exist.
//!
//! Statements that don't depend on each other's results are pipelined, those of all organisations of a batch. A batch costs
//! two round trips, or three if campaigns limit what customers hold. It locks organisations, and the codes of each, in the
//! order of their keys, so that there are no deadlocks.

mod working_set;

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{join, join3};

use self::working_set::{Lock, read_working_set};
use super::{connection::Connection, statements};
use crate::{
    promotions::{LinkCheck, LinkOutcome, LinkRequest, NewEvent, OnLocked, OrgId, Promotion, Timestamp, check, decide},
    store::error::StoreResult,
};

/// Links a batch in a transaction of its own. After an error the transaction may still be open.
///
/// Statements are sent in the order in which they are joined (see [`super::pipeline`]), so the transaction begins and ends where it
/// must.
pub async fn link(
    connection: &Connection,
    requests: &[LinkRequest],
    on_locked: OnLocked,
    now: Timestamp,
) -> StoreResult<Vec<Option<LinkOutcome>>> {
    let working_set = read_working_set(connection, requests, Some(lock(connection, on_locked)));
    let (begun, set) = join(begin(connection), working_set).await;
    begun?;
    let decisions = decide(set?, requests, now);
    let new: Vec<&Promotion> = decisions.new_promotions().collect();
    if new.is_empty() {
        statements::Rollback.execute(&mut &**connection).await?;
    } else {
        let events = decisions.events(requests, now);
        let numbers = event_numbers(connection, &events).await?;
        let write = write(connection, &new, &events, numbers);
        let commit = statements::Commit.execute(&mut &**connection);
        if connection.is_distributed {
            write.await?;
            commit.await?;
        } else {
            let (written, committed) = join(write, commit).await;
            // A COMMIT after a failed statement rolls back and reports success: the failure must come first.
            written?;
            committed?;
        }
    }
    Ok(decisions.outcomes)
}

const fn lock(connection: &Connection, on_locked: OnLocked) -> Lock {
    Lock { on_locked, is_distributed: connection.is_distributed }
}

async fn begin(connection: &Connection) -> QueryResult<usize> {
    let beginning = statements::Begin.execute(&mut &**connection);
    if !connection.is_distributed {
        return beginning.await;
    }
    let (begun, limited) = join(beginning, statements::LimitLockWaits.execute(&mut &**connection)).await;
    begun.and(limited)
}

/// Links a batch within an open transaction. Waits for locks.
pub async fn link_in_transaction(
    connection: &Connection,
    requests: &[LinkRequest],
    now: Timestamp,
) -> StoreResult<Vec<Option<LinkOutcome>>> {
    let set = read_working_set(connection, requests, Some(lock(connection, OnLocked::Wait))).await?;
    let decisions = decide(set, requests, now);
    let new: Vec<&Promotion> = decisions.new_promotions().collect();
    if !new.is_empty() {
        let events = decisions.events(requests, now);
        let numbers = event_numbers(connection, &events).await?;
        write(connection, &new, &events, numbers).await?;
    }
    Ok(decisions.outcomes)
}

/// What linking would decide about each request. Locks nothing.
pub async fn check_links(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    now: Timestamp,
) -> StoreResult<Vec<LinkCheck>> {
    let set = read_working_set(connection, requests, None).await?;
    Ok(requests.iter().map(|request| check(&set, request, now)).collect())
}

/// Takes numbers for the events of an organisation, if the tables are distributed. Otherwise the table numbers them.
async fn event_numbers(connection: &Connection, events: &[NewEvent]) -> StoreResult<Option<Vec<i64>>> {
    match events.first() {
        Some(first) if connection.is_distributed => {
            let (org, count) = (first.org.get(), i64::try_from(events.len())?);
            Ok(Some(statements::TakeEventNumbers { org, count }.load(&mut &**connection).await?))
        }
        _ => Ok(None),
    }
}

async fn write(
    connection: &Connection,
    new: &[&Promotion],
    events: &[NewEvent],
    numbers: Option<Vec<i64>>,
) -> QueryResult<()> {
    let is_distributed = connection.is_distributed;
    let connection: &AsyncPgConnection = connection;
    let (inserted, counted, recorded) = join3(
        statements::InsertPromotions::new(new, is_distributed).execute(&mut &*connection),
        statements::CountLinks::new(new, is_distributed).execute(&mut &*connection),
        statements::RecordLinks::new(events, numbers).execute(&mut &*connection),
    )
    .await;
    let (inserted, _, recorded) = (inserted?, counted?, recorded?);
    // In a distributed database, nothing is inserted for an organisation that does not exist.
    if inserted == new.len() && recorded == events.len() { Ok(()) } else { Err(diesel::result::Error::NotFound) }
}

/// The organisations of the promotions that are new: they have the ids of their requests.
pub fn orgs_with_new_links<'a>(
    requests: &'a [LinkRequest],
    outcomes: &'a [Option<LinkOutcome>],
) -> impl Iterator<Item = OrgId> + 'a {
    let links = requests.iter().zip(outcomes);
    let new = links.filter(|(request, outcome)| matches!(outcome, Some(Ok(promotion)) if promotion.id == request.id));
    new.map(|(request, _)| request.key.org)
}

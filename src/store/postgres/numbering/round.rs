//! A round: events of some organisations, in one transaction.

use std::{collections::BTreeSet, time::Duration};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::join;
use metrics::histogram;

use crate::{
    promotions::{Clock, SystemClock},
    store::{
        error::StoreResult,
        postgres::{
            connection::Connection, pipeline::pipeline, pool::Connections, statements,
            transaction_guard::TransactionGuard,
        },
    },
};

/// The most events of a round. It takes a fraction of a second, so that no organisation waits long for the import of another
/// one.
const EVENTS_PER_ROUND: i64 = 5_000;

/// What a round has left.
#[derive(Default)]
pub struct Round {
    /// The organisations that may have more events in the outbox.
    pub with_more: Vec<i64>,
    /// The events that were numbered.
    pub numbered: i64,
}

/// Numbers the oldest events of organisations, in one transaction.
pub async fn number(connections: &Connections, orgs: &[i64]) -> StoreResult<Round> {
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
        Err(error) => Err(guard.connection().classify(error)),
    }
}

/// Statements that are sent together: if one fails, those after it do too, and the transaction is still open.
async fn number_in_transaction(connection: &Connection, orgs: &[i64]) -> StoreResult<Round> {
    let connection: &AsyncPgConnection = connection;
    let (begun, locked) = join(statements::Begin.execute(&mut &*connection), lock_feeds(connection, orgs)).await;
    begun?;
    let locked = locked?;
    if locked.is_empty() {
        // Nothing waits, or other servers number it.
        statements::Rollback.execute(&mut &*connection).await?;
        return Ok(Round::default());
    }
    let limit = (EVENTS_PER_ROUND / i64::try_from(locked.len())?).max(1);
    let number = |org: &i64| {
        let statement = statements::NumberEvents { org: *org, limit };
        async move { statement.load::<(i64, i64)>(&mut &*connection).await }
    };
    let commit = statements::Commit.execute(&mut &*connection);
    let (numbered, committed) = join(pipeline(locked.iter().map(number)), commit).await;
    let now = SystemClock.now().millis();
    let (mut round, mut ages) = (Round::default(), Vec::new());
    // A COMMIT after a failed statement rolls back and reports success: the failure must come first.
    for (org, numbered) in locked.iter().zip(numbered) {
        for (events, oldest) in numbered? {
            round.numbered += events;
            ages.push(Duration::from_millis(u64::try_from(now - oldest).unwrap_or(0)));
            if events >= limit {
                round.with_more.push(*org);
            }
        }
    }
    committed?;
    for age in ages {
        histogram!("promolink_event_lag_seconds").record(age);
    }
    Ok(round)
}

/// Locks the feeds of organisations with events in the outbox, and makes those that are missing. Returns the organisations
/// whose feeds it locked.
async fn lock_feeds(connection: &AsyncPgConnection, orgs: &[i64]) -> QueryResult<BTreeSet<i64>> {
    let mut locked = lock_existing_feeds(connection, orgs).await?;
    let mut rest = orgs.to_vec();
    rest.retain(|org| !locked.contains(org));
    if !rest.is_empty() {
        let insert = |org: &i64| {
            let statement = statements::InsertFeed(*org);
            async move { statement.execute(&mut &*connection).await }
        };
        let (inserted, more) = join(pipeline(rest.iter().map(insert)), lock_existing_feeds(connection, &rest)).await;
        inserted.into_iter().collect::<QueryResult<Vec<_>>>()?;
        locked.extend(more?);
    }
    Ok(locked)
}

async fn lock_existing_feeds(connection: &AsyncPgConnection, orgs: &[i64]) -> QueryResult<BTreeSet<i64>> {
    let lock = |org: &i64| {
        let statement = statements::LockFeed(*org);
        async move { statement.load::<i64>(&mut &*connection).await }
    };
    let locked: QueryResult<Vec<Vec<i64>>> = pipeline(orgs.iter().map(lock)).await.into_iter().collect();
    Ok(locked?.into_iter().flatten().collect())
}

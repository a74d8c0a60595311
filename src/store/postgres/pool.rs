//! The connections of a process to a database: some for links, the others for everything else.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod,
        deadpool::{BuildError, Hook, HookError, Object, Pool},
    },
};

use super::{connection::connect_for_requests, figures};
use crate::{
    auth::Secret,
    promotions::StoreError,
    store::{DatabaseUrl, error::StoreResult},
    telemetry::Sparing,
};

/// Batches of links that are worked on concurrently: one is decided while the other commits.
pub const LINK_WORKERS: usize = 2;

/// Links that may wait for locks of other transactions meanwhile.
pub const LOCK_WAITERS: usize = 4;

/// Connections for links, one for each of these: links never wait for reads.
const FOR_LINKS: usize = LINK_WORKERS + LOCK_WAITERS;

/// Connections for everything else: all together 12 for each process and database. PostgreSQL permits 100 by default,
/// for all processes.
const FOR_THE_REST: usize = 6;

/// How long a request waits for a connection.
const WAIT: Duration = Duration::from_secs(2);

/// How long a connection keeps its plans. PostgreSQL makes them by how large the tables are, and makes new ones only
/// after autovacuum has been there. Where a campaign goes out to a new database, a table of some rows, in which any index
/// will do, is one of a million by then.
const PLANS_LAST: Duration = Duration::from_secs(5);

/// Connections to one database.
pub struct Connections {
    links: Pool<AsyncPgConnection>,
    rest: Pool<AsyncPgConnection>,
}

impl Connections {
    /// Connections to the database with this URL, made when they are needed.
    pub fn to(url: &Secret) -> Result<Self, BuildError> {
        let connections = Self { links: pool(url, FOR_LINKS)?, rest: pool(url, FOR_THE_REST)? };
        figures::watch([&connections.links, &connections.rest], &DatabaseUrl::Postgres(url.clone()).to_string());
        Ok(connections)
    }

    /// One of those for links, for as long as it is held.
    pub async fn for_links(&self) -> StoreResult<Object<AsyncPgConnection>> {
        get(&self.links).await
    }

    /// One of the others, for as long as it is held.
    pub async fn get(&self) -> StoreResult<Object<AsyncPgConnection>> {
        get(&self.rest).await
    }
}

fn pool(url: &Secret, size: usize) -> Result<Pool<AsyncPgConnection>, BuildError> {
    let mut config = ManagerConfig::default();
    // Asks only whether the connection is closed, which costs no round trip.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(|url| {
        let url = url.to_owned();
        Box::pin(async move { connect_for_requests(&url).await })
    });
    let manager = AsyncDieselConnectionManager::new_with_config(url.expose(), config);
    let plan_again = Hook::async_fn(|connection: &mut AsyncPgConnection, uses| {
        let last_use = uses.recycled.map_or(Duration::ZERO, |last| last - uses.created);
        let due = spans(uses.age()) > spans(last_use);
        Box::pin(async move {
            if due {
                let discarded = connection.batch_execute("DISCARD PLANS").await;
                discarded.map_err(|error| HookError::Backend(PoolError::QueryError(error)))?;
            }
            Ok(())
        })
    });
    Pool::builder(manager).max_size(size).post_recycle(plan_again).build()
}

async fn get(pool: &Pool<AsyncPgConnection>) -> StoreResult<Object<AsyncPgConnection>> {
    match tokio::time::timeout(WAIT, pool.get()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(StoreError::Unavailable(Arc::new(error))),
        Err(_) => {
            static LINES: LazyLock<Sparing> = LazyLock::new(Sparing::default);
            if let Some(left_out) = LINES.next() {
                tracing::warn!(left_out, "no database connection became free in {} seconds", WAIT.as_secs());
            }
            Err(StoreError::Overloaded)
        }
    }
}

/// How many times over the plans of a connection of this age have been too old.
const fn spans(age: Duration) -> u128 {
    age.as_millis() / PLANS_LAST.as_millis()
}

//! The connections of a process to a database: some for links, the others for everything else.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use deadpool::managed::{BuildError, Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult};
use diesel_async::SimpleAsyncConnection;

use super::{
    connection::{Connection, Writes, connect_for_requests},
    pool_metrics,
};
use crate::{
    auth::Secret,
    promotions::StoreError,
    store::{
        DatabaseUrl,
        error::{OpenError, StoreResult},
    },
    telemetry::LogThrottle,
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

/// A connection that goes back to its pool when it is dropped.
pub type Pooled = Object<Connector>;

/// Connections to one database.
pub struct Connections {
    links: Pool<Connector>,
    rest: Pool<Connector>,
}

impl Connections {
    /// Connections to the database with this URL, made when they are needed.
    pub fn to(url: &Secret, writes: Writes) -> Result<Self, BuildError> {
        let pool = |size| Pool::builder(Connector { url: url.clone(), writes }).max_size(size).build();
        let connections = Self { links: pool(FOR_LINKS)?, rest: pool(FOR_THE_REST)? };
        pool_metrics::watch([&connections.links, &connections.rest], &DatabaseUrl::Postgres(url.clone()).to_string());
        Ok(connections)
    }

    /// One of those for links, for as long as it is held.
    pub async fn for_links(&self) -> StoreResult<Pooled> {
        get(&self.links).await
    }

    /// One of the others, for as long as it is held.
    pub async fn get(&self) -> StoreResult<Pooled> {
        get(&self.rest).await
    }
}

/// Opens the connections of a pool.
pub struct Connector {
    url: Secret,
    writes: Writes,
}

impl Manager for Connector {
    type Type = Connection;
    type Error = OpenError;

    async fn create(&self) -> Result<Connection, OpenError> {
        connect_for_requests(self.url.expose(), self.writes).await
    }

    /// Asks only whether the connection is closed, which costs no round trip, but for when its plans are too old.
    async fn recycle(&self, connection: &mut Connection, uses: &Metrics) -> RecycleResult<OpenError> {
        if connection.is_broken() {
            return Err(RecycleError::message("the connection is closed"));
        }
        let last_use = uses.recycled.map_or(Duration::ZERO, |last| last - uses.created);
        if spans(uses.age()) > spans(last_use) {
            connection.batch_execute("DISCARD PLANS").await.map_err(OpenError::from)?;
        }
        Ok(())
    }
}

async fn get(pool: &Pool<Connector>) -> StoreResult<Pooled> {
    match tokio::time::timeout(WAIT, pool.get()).await {
        Ok(Ok(connection)) => {
            connection.reported.forget();
            Ok(connection)
        }
        Ok(Err(PoolError::Backend(error))) => Err(error.into()),
        Ok(Err(error)) => Err(StoreError::Unavailable(Arc::new(error))),
        Err(_) => {
            static LINES: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
            if let Some(left_out) = LINES.allow_line() {
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

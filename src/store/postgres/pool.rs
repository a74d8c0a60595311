//! The connections of a process to a database: some for links, one for numbering events, the others for everything else.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use deadpool::managed::{BuildError, Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult};
use diesel_async::SimpleAsyncConnection;

use super::{
    connection::{Connection, Writes, connect_for_requests, connect_to_replica},
    liveness::Probe,
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

/// Concurrent batches of links: one is decided while the other commits.
const LINK_WORKERS: usize = 2;

/// The same in a distributed database, where a batch has one organisation, and statements go through two servers.
const DISTRIBUTED_LINK_WORKERS: usize = 8;

/// Batches of links that may wait for other transactions' locks at the same time.
pub const LOCK_WAITERS: usize = 4;

/// Connections for everything else. With those for links and the one for numbering events, a process opens 13 per database,
/// or 19 if it is distributed; PostgreSQL permits 100 by default, for all processes.
const OTHER_CONNECTIONS: usize = 6;

/// How long a request waits for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection keeps its query plans. PostgreSQL chooses them by the size of the tables, and replaces them only
/// after autovacuum has run. By then, when a campaign goes out from a new database, a table of a few rows, for which any
/// index will do, has a million.
const PLAN_LIFETIME: Duration = Duration::from_secs(5);

/// A connection that returns to its pool when it is dropped.
pub type Pooled = Object<Connector>;

/// Connections to one database.
pub struct Connections {
    links: Pool<Connector>,
    others: Pool<Connector>,
    numbering: Pool<Connector>,
    /// Whether the tables are distributed over several servers.
    pub is_distributed: bool,
}

impl Connections {
    /// Connections to the database at a URL, opened on demand.
    pub fn new(url: &Secret, writes: Writes, is_distributed: bool) -> Result<Self, BuildError> {
        let probe = Probe::new(url);
        let connector = || Connector { url: url.clone(), writes, probe: Arc::clone(&probe) };
        let pool = |size| Pool::builder(connector()).max_size(size).build();
        let connections = Self {
            // One for each, so that links never wait for reads.
            links: pool(link_workers(is_distributed) + LOCK_WAITERS)?,
            others: pool(OTHER_CONNECTIONS)?,
            numbering: pool(1)?,
            is_distributed,
        };
        let pools = [&connections.links, &connections.others, &connections.numbering];
        pool_metrics::watch(pools, &DatabaseUrl::Postgres(url.clone()).to_string());
        Ok(connections)
    }

    /// The number of batches of links that can be processed concurrently.
    pub const fn link_workers(&self) -> usize {
        link_workers(self.is_distributed)
    }

    /// A connection for a batch of links.
    pub async fn for_links(&self) -> StoreResult<Pooled> {
        get(&self.links).await
    }

    /// The connection for giving events their positions, so that events never wait for links or reads.
    pub async fn for_numbering(&self) -> StoreResult<Pooled> {
        get(&self.numbering).await
    }

    /// A connection for anything else.
    pub async fn get(&self) -> StoreResult<Pooled> {
        get(&self.others).await
    }
}

const fn link_workers(is_distributed: bool) -> usize {
    if is_distributed { DISTRIBUTED_LINK_WORKERS } else { LINK_WORKERS }
}

/// Opens the connections of a pool.
pub struct Connector {
    url: Secret,
    writes: Writes,
    probe: Arc<Probe>,
}

impl Manager for Connector {
    type Type = Connection;
    type Error = OpenError;

    async fn create(&self) -> Result<Connection, OpenError> {
        match self.writes {
            // A replica need not be watched: reads from it have a time limit, and then use the primary.
            Writes::Optional => connect_to_replica(self.url.expose()).await,
            Writes::Required => {
                let mut connection = connect_for_requests(self.url.expose(), Writes::Required).await?;
                connection.close_when_server_stops_responding(&self.probe).await?;
                Ok(connection)
            }
        }
    }

    /// Checks that the connection is open, without a round trip, and discards its plans when they are too old.
    async fn recycle(&self, connection: &mut Connection, uses: &Metrics) -> RecycleResult<OpenError> {
        if connection.is_broken() {
            return Err(RecycleError::message("the connection is closed"));
        }
        let last_use = uses.recycled.map_or(Duration::ZERO, |last| last - uses.created);
        if plan_lifetimes(uses.age()) > plan_lifetimes(last_use) {
            connection.batch_execute("DISCARD PLANS").await.map_err(OpenError::from)?;
        }
        Ok(())
    }
}

async fn get(pool: &Pool<Connector>) -> StoreResult<Pooled> {
    match tokio::time::timeout(CONNECTION_TIMEOUT, pool.get()).await {
        Ok(Ok(connection)) => {
            connection.reported.reset();
            Ok(connection)
        }
        Ok(Err(PoolError::Backend(error))) => Err(error.into()),
        Ok(Err(error)) => Err(StoreError::Unavailable(Arc::new(error))),
        Err(_) => {
            static LINES: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
            if let Some(left_out) = LINES.allow_line() {
                tracing::warn!(
                    left_out,
                    "no database connection became free within {} seconds",
                    CONNECTION_TIMEOUT.as_secs()
                );
            }
            Err(StoreError::Overloaded)
        }
    }
}

/// The number of plan lifetimes within a connection's age.
const fn plan_lifetimes(age: Duration) -> u128 {
    age.as_millis() / PLAN_LIFETIME.as_millis()
}

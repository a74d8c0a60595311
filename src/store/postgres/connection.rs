//! Connections to PostgreSQL and their settings, which override the defaults of server and database.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use diesel::ConnectionError;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use tokio::task::{AbortHandle, JoinSet};
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    distribution::{self, DistributionError, Extent},
    hosts::connect_to_first,
    liveness::{Pending, Probe, server_of},
    sqlstate::Reported,
    url,
};
use crate::{promotions::StoreError, store::error::OpenError};

/// Settings of all connections on which the guarantees rest, and which limit how long sessions block each other.
///
/// - Each statement sees what was committed before it began: what is read after a lock is what the lock protects.
/// - Acknowledged changes are on disk. All values of `synchronous_commit` except `off` ensure that, and are left alone.
/// - No session waits for a row many times longer than a batch of links takes, and no transaction of ours stays open when
///   its server has died.
const SETTINGS: &str = "
    SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SET lock_timeout = '500ms';
    SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '30s';
";

/// How statements of requests are planned: once per connection, and by index, key by key. The planner's statistics may be
/// minutes old: for a table that was empty then, it would choose to read the whole table, which a campaign may have filled
/// since. A scan that can't be avoided gets so high a cost estimate that PostgreSQL would compile the statement at each
/// execution, which takes longer than it saves: so `jit` is off.
const PLANNER_SETTINGS: &str = "
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET jit = off;
";

/// Plans are made once per connection, unless the tables are distributed: Citus plans statements by their values.
const PLAN_ONCE: &str = "SET plan_cache_mode = force_generic_plan";

/// In a distributed database, settings of a session are those of one server. Those of a transaction are made to apply to the
/// other servers that take part in it.
const DISTRIBUTED_SETTINGS: &str = "SET citus.propagate_set_commands = 'local'";

/// Ends a slow read from a replica before its caller stops waiting, 5 s after it began to wait up to 2 s for a connection.
/// The read would otherwise go on in a connection that the next caller gets.
const REPLICA_SETTINGS: &str = "SET statement_timeout = '2500ms'";

/// How the whole database is checked: without a time limit, and reading each table once. With outdated statistics, the
/// planner would search a table of millions of rows once per row of another.
const CHECK_SETTINGS: &str = "
    SET statement_timeout = 0;
    SET enable_nestloop = off;
    SET enable_mergejoin = off;
";

/// A connection to PostgreSQL. Dropping it closes it immediately, even during a statement.
pub struct Connection {
    diesel: AsyncPgConnection,
    /// The session, and the task that closes it if the server stops responding. One of them ends when the connection closes.
    driver: JoinSet<()>,
    session: AbortHandle,
    /// The first error that PostgreSQL reported since the connection was taken from its pool.
    pub reported: Reported,
    /// Whether the tables are distributed over several servers.
    pub is_distributed: bool,
    pending: Pending,
}

impl Connection {
    /// A connection whose session is driven by a task of `driver`.
    pub const fn new(
        diesel: AsyncPgConnection,
        driver: JoinSet<()>,
        session: AbortHandle,
        reported: Reported,
        pending: Pending,
    ) -> Self {
        Self { diesel, driver, session, reported, is_distributed: false, pending }
    }

    /// From now on, closes the connection when its server stops responding.
    pub async fn close_when_server_stops_responding(&mut self, probe: &Arc<Probe>) -> Result<(), OpenError> {
        let server = server_of(&mut self.diesel).await?;
        let (probe, pending, session) = (Arc::clone(probe), self.pending.clone(), self.session.clone());
        self.driver.spawn(async move {
            probe.stopped_responding(server, pending).await;
            session.abort();
        });
        Ok(())
    }

    /// Classifies an error of the connection.
    pub fn classify(&self, error: StoreError) -> StoreError {
        self.reported.classify(error, self.is_distributed)
    }

    /// Whether the connection can't be used again: it is closed, or has an open transaction.
    pub fn is_broken(&mut self) -> bool {
        self.driver.try_join_next().is_some()
            || <AsyncPgConnection as AsyncConnection>::TransactionManager::is_broken_transaction_manager(
                &mut self.diesel,
            )
    }

    /// Unwraps the connection. When it is dropped, it then completes its statements before it closes.
    pub fn into_diesel(mut self) -> AsyncPgConnection {
        self.driver.detach_all();
        self.diesel
    }
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.diesel
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut AsyncPgConnection {
        &mut self.diesel
    }
}

/// Whether the database at the other end of a connection must take changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// It must.
    Required,
    /// It need not: it may be a standby.
    Optional,
}

/// Connects to serve requests.
pub async fn connect_for_requests(url: &str, writes: Writes) -> Result<Connection, OpenError> {
    let mut connection = connect(url, writes).await?;
    let plans = if connection.is_distributed { "" } else { PLAN_ONCE };
    let settings = format!("{PLANNER_SETTINGS}{plans}");
    connection.batch_execute(&settings).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Connects to read from a replica.
pub async fn connect_to_replica(url: &str) -> Result<Connection, OpenError> {
    let mut connection = connect_for_requests(url, Writes::Optional).await?;
    connection.batch_execute(REPLICA_SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Connects with the settings of all connections.
pub async fn connect(url: &str, writes: Writes) -> Result<Connection, OpenError> {
    let mut connection = establish(url, writes).await?;
    connection.batch_execute(SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    connection.is_distributed = match distribution::extent(&mut connection).await? {
        Extent::None => false,
        Extent::All => true,
        Extent::Some => return Err(DistributionError::Partial.into()),
    };
    if connection.is_distributed {
        connection.batch_execute(DISTRIBUTED_SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

/// Connects to check the whole database.
pub async fn connect_for_check(url: &str) -> Result<Connection, OpenError> {
    let mut connection = establish(url, Writes::Optional).await?;
    connection.batch_execute(CHECK_SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Opens a connection without any settings.
pub async fn establish(url: &str, writes: Writes) -> Result<Connection, OpenError> {
    let (mut config, roots) = url::parse(url)?;
    if writes == Writes::Required {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    let tls = match roots {
        None => None,
        Some(roots) => {
            // Reads files, which can block.
            let tls = tokio::task::spawn_blocking(move || roots.client_config()).await?;
            config.ssl_mode(SslMode::Require);
            Some(MakeRustlsConnect::new(tls.map_err(|error| OpenError::Unreachable(error.into()))?))
        }
    };
    connect_to_first(&config, tls.as_ref()).await
}

//! How connections to PostgreSQL are set, whatever the server's or the database's defaults are.

use std::ops::{Deref, DerefMut};

use diesel::ConnectionError;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};
use tokio::task::JoinSet;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{dial::dial, sqlstate::Reported, url};
use crate::store::error::{OpenError, in_full};

/// What the promises rest on, and bounds on what one session can do to another.
///
/// - Each statement sees what was committed before it: what is read after a lock is what the lock protects.
/// - What was acknowledged is on disk. All settings but `off` see to that, and are left alone.
/// - Nobody waits for a row many times longer than a batch of links takes, and no transaction of ours can be left open
///   by a server that is gone.
const SETTINGS: &str = "
    SET default_transaction_isolation = 'read committed';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SET lock_timeout = '500ms';
    SET statement_timeout = '30s';
    SET idle_in_transaction_session_timeout = '30s';
";

/// How requests are planned: once per statement and connection, and by index, one key after the other. The planner goes
/// by statistics that may be minutes old: those of an empty table make it choose to read all of one that a campaign has
/// filled since. Where nothing else is possible they read one all the same, at a cost so large by its estimate that
/// PostgreSQL would compile the statement, at each execution, which takes longer than what it saves.
const PLANS: &str = "
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET jit = off;
";

/// A slow read from a replica ends before its caller stops waiting for it. It would otherwise go on in a connection that
/// the next caller gets.
const ENDS_SLOW_READS: &str = "SET statement_timeout = '4s'";

/// How the whole database is looked over: for as long as it takes, and each table as a whole. By statistics that are out
/// of date, the planner would look into one of millions of rows again and again.
const LOOKING_OVER: &str = "
    SET statement_timeout = 0;
    SET enable_nestloop = off;
    SET enable_mergejoin = off;
";

/// A connection to PostgreSQL. It closes when it is dropped, whatever is under way on it.
pub struct Connection {
    diesel: AsyncPgConnection,
    /// The task that sends and receives. It ends when the connection closes.
    driver: JoinSet<()>,
    /// What kind of error PostgreSQL reported first since the connection was taken from its pool.
    pub reported: Reported,
}

impl Connection {
    pub const fn new(diesel: AsyncPgConnection, driver: JoinSet<()>, reported: Reported) -> Self {
        Self { diesel, driver, reported }
    }

    /// Whether the next one can't use it: it is closed, or a transaction was left open on it.
    pub fn is_broken(&mut self) -> bool {
        self.driver.try_join_next().is_some()
            || <AsyncPgConnection as AsyncConnection>::TransactionManager::is_broken_transaction_manager(
                &mut self.diesel,
            )
    }

    /// Gives the connection away. From then on it closes when what is under way is done.
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

/// Whether a connection must lead to a database that takes changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// It must.
    Required,
    /// It need not: a standby will do.
    Optional,
}

/// Connects, to serve requests.
pub async fn connect_for_requests(url: &str, writes: Writes) -> Result<Connection, OpenError> {
    let mut connection = connect(url, writes).await?;
    connection.batch_execute(PLANS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    if writes == Writes::Optional {
        connection.batch_execute(ENDS_SLOW_READS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

/// Connects.
pub async fn connect(url: &str, writes: Writes) -> Result<Connection, OpenError> {
    let mut connection = establish(url, writes).await?;
    connection.batch_execute(SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Connects, to look the whole database over.
pub async fn look_over(url: &str) -> Result<Connection, OpenError> {
    let mut connection = establish(url, Writes::Optional).await?;
    connection.batch_execute(LOOKING_OVER).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Opens a connection, and sets nothing. Its errors say what was at the bottom of them, which Diesel's don't.
pub async fn establish(url: &str, writes: Writes) -> Result<Connection, OpenError> {
    let (mut config, encrypted) = url::parse(url).map_err(ConnectionError::InvalidConnectionUrl)?;
    if writes == Writes::Required {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if let Some(authorities) = encrypted {
        // From a thread that may wait for files.
        let tls = tokio::task::spawn_blocking(move || authorities.config().map_err(|error| in_full(&*error)));
        let tls = tls.await.unwrap_or_else(|broken| Err(broken.to_string())).map_err(ConnectionError::BadConnection)?;
        config.ssl_mode(SslMode::Require);
        dial(&config, Some(&MakeRustlsConnect::new(tls))).await
    } else {
        dial(&config, None).await
    }
}

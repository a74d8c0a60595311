//! How connections to PostgreSQL are set, whatever the server's or the database's defaults are.

use diesel::ConnectionResult;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

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

/// How the whole database is looked over: for as long as it takes, and each table as a whole. By statistics that are out
/// of date, the planner would look into one of millions of rows again and again.
const LOOKING_OVER: &str = "
    SET statement_timeout = 0;
    SET enable_nestloop = off;
    SET enable_mergejoin = off;
";

/// Connects, to serve requests.
pub async fn connect_for_requests(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = connect(url).await?;
    connection.batch_execute(PLANS).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Connects.
pub async fn connect(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = AsyncPgConnection::establish(url).await?;
    connection.batch_execute(SETTINGS).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Connects, to look the whole database over.
pub async fn look_over(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = AsyncPgConnection::establish(url).await?;
    connection.batch_execute(LOOKING_OVER).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

//! How connections to PostgreSQL are set, whatever the server's or the database's defaults are.

use std::{error::Error, iter::successors};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{
    Config, Connection, NoTls,
    config::{SslMode, SslNegotiation},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;

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
    let mut connection = establish(url).await?;
    connection.batch_execute(SETTINGS).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Connects, to look the whole database over.
pub async fn look_over(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = establish(url).await?;
    connection.batch_execute(LOOKING_OVER).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Opens a connection, and sets nothing. Its errors say what was at the bottom of them, which Diesel's don't.
pub async fn establish(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let (url, encrypted) = tls::split(url).map_err(ConnectionError::InvalidConnectionUrl)?;
    let mut config: Config = url.parse().map_err(|error| ConnectionError::InvalidConnectionUrl(in_full(&error)))?;
    let refused = |error| ConnectionError::BadConnection(in_full(&error));
    if let Some(authorities) = encrypted {
        // From a thread that may wait for files.
        let tls = tokio::task::spawn_blocking(move || authorities.config().map_err(|error| in_full(&*error)));
        let tls = tls.await.unwrap_or_else(|broken| Err(broken.to_string())).map_err(ConnectionError::BadConnection)?;
        config.ssl_mode(SslMode::Require);
        let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await.map_err(refused)?;
        ensure_utf8(&connection)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await
    } else if config.get_ssl_negotiation() == SslNegotiation::Direct {
        // Written in another way than what `split` looks for.
        Err(ConnectionError::InvalidConnectionUrl("sslnegotiation=direct wants sslmode=verify-full".to_owned()))
    } else {
        let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
        ensure_utf8(&connection)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await
    }
}

/// Fails on a database that can't store every character. The server says how it stores text when a connection opens.
fn ensure_utf8<S, T>(connection: &Connection<S, T>) -> ConnectionResult<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    match connection.parameter("server_encoding") {
        Some(encoding) if encoding != "UTF8" => Err(ConnectionError::BadConnection(format!(
            "its encoding is {encoding}, and UTF8 is required: create one with \
             CREATE DATABASE promolink ENCODING 'UTF8' TEMPLATE template0"
        ))),
        _ => Ok(()),
    }
}

/// An error with all its causes.
fn in_full(error: &(dyn Error + 'static)) -> String {
    successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

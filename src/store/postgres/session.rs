//! Sessions: from an open socket to a connection that can execute statements.

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};
use tokio_postgres::{Client, Config, NoTls, config::TargetSessionAttrs, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    connection::Connection,
    external_pooler::shared_sessions_or,
    liveness::Pending,
    socket::Socket,
    sqlstate::{Inspected, InspectedTls, Reported},
};
use crate::store::error::OpenError;

/// Begins a session with the server of this name, encrypted if `tls` is given.
pub async fn start(
    config: &Config,
    socket: Socket,
    name: &str,
    tls: Option<&MakeRustlsConnect>,
) -> Result<Connection, OpenError> {
    let (reported, pending) = (Reported::default(), Pending::default());
    if let Some(tls) = tls {
        let tls = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls.clone(), name);
        let tls = tls.map_err(|error| OpenError::Unreachable(error.into()))?;
        let tls = InspectedTls { tls, reported: reported.clone(), pending: pending.clone() };
        let session = config.connect_raw(socket, tls).await.map_err(|error| OpenError::Unreachable(error.into()))?;
        drive(config, session, reported, pending).await
    } else {
        let socket = Inspected::new(socket, reported.clone(), pending.clone());
        let session = config.connect_raw(socket, NoTls).await.map_err(|error| OpenError::Unreachable(error.into()))?;
        drive(config, session, reported, pending).await
    }
}

/// Drives the session in a task of its own, and checks that the server suits the connection's purpose.
async fn drive<S, T>(
    config: &Config,
    (client, session): (Client, tokio_postgres::Connection<S, T>),
    reported: Reported,
    pending: Pending,
) -> Result<Connection, OpenError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    ensure_utf8(&session)?;
    let mut driver = JoinSet::new();
    let session = driver.spawn(async move {
        // Statements that wait for the session get its error as well.
        let _ = session.await;
    });
    let diesel =
        AsyncPgConnection::try_from(client).await.map_err(|error| shared_sessions_or(&reported, error.into()))?;
    let mut connection = Connection::new(diesel, driver, session, reported, pending);
    let required = config.get_target_session_attrs();
    if required != TargetSessionAttrs::Any {
        // A standby's transactions are read-only, whatever its settings.
        let result = diesel::select(current_setting("transaction_read_only")).get_result(&mut *connection).await;
        let read_only: String = result.map_err(|error| shared_sessions_or(&connection.reported, error.into()))?;
        match (required, read_only.as_str()) {
            (TargetSessionAttrs::ReadWrite, "on") => return Err(OpenError::ReadOnly),
            (TargetSessionAttrs::ReadOnly, "off") => return Err(OpenError::NotReadOnly),
            _ => {}
        }
    }
    Ok(connection)
}

/// Fails for a database that can't store every character. The server reports its encoding when a session begins.
fn ensure_utf8<S, T>(session: &tokio_postgres::Connection<S, T>) -> Result<(), OpenError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    match session.parameter("server_encoding") {
        Some(encoding) if encoding != "UTF8" => Err(OpenError::Encoding(encoding.to_owned())),
        _ => Ok(()),
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// A setting of the session.
    fn current_setting(name: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

//! Opens connections: to the first of a URL's hosts that can be reached and takes what the connection is for.
//!
//! The driver has this too, but keeps the sockets to itself, so that what arrives on them could not be watched.

use std::{io, net::SocketAddr, time::Duration};

use diesel::ConnectionError;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::timeout,
};
use tokio_postgres::{
    Client, Config, NoTls,
    config::{Host, LoadBalanceHosts, TargetSessionAttrs},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::either::Either;

use super::{
    connection::Connection,
    pooler::shared_or,
    sqlstate::{Reported, Watched, WatchedTls},
};
use crate::store::error::{OpenError, in_full};

/// How long to try all addresses, unless there is one only and the URL has a connect_timeout: less than a request waits for
/// a connection, so that the last address gets its turn.
const PATIENCE: Duration = Duration::from_millis(1800);

/// How soon a connection fails whose server has gone without a word, as a machine does that loses its power or network.
/// What waits for an answer fails after these plus [`PROBES`] seconds; the defaults are hours.
const SILENCE: Duration = Duration::from_secs(5);

/// How often a silent server is then asked whether it is there, once a second.
#[cfg(not(windows))]
const PROBES: u32 = 3;

/// What the driver takes for a URL that says nothing.
const DEFAULT_IDLE: Duration = Duration::from_hours(2);

const DEFAULT_PORT: u16 = 5432;

#[cfg(unix)]
type LocalStream = tokio::net::UnixStream;
#[cfg(not(unix))]
type LocalStream = TcpStream;

type Socket = Either<TcpStream, LocalStream>;

enum Address {
    /// A name or an address.
    Tcp(String),
    /// The folder of a socket.
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

/// What to connect to.
enum Target {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

/// Connects to the first address that will do.
pub async fn dial(config: &Config, tls: Option<&MakeRustlsConnect>) -> Result<Connection, OpenError> {
    let slow = || refused(&io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time"));
    let mut failure = OpenError::Connect(ConnectionError::InvalidConnectionUrl("it has no host".to_owned()));
    // A name may stand for several servers.
    let mut targets = Vec::new();
    for (name, address, port) in hosts(config)? {
        match timeout(PATIENCE, resolve(address, port)).await {
            Ok(Ok(resolved)) => targets.extend(resolved.into_iter().map(|target| (name.clone(), target))),
            Ok(Err(error)) => failure = refused(&error),
            Err(_) => failure = slow(),
        }
    }
    let share = PATIENCE / u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
    let patience = match config.get_connect_timeout() {
        Some(patience) if targets.len() == 1 => *patience,
        Some(patience) => share.min(*patience),
        None => share,
    };
    for (name, target) in targets {
        let connecting = async {
            let socket = open(config, target).await.map_err(|error| refused(&error))?;
            start(config, socket, &name, tls).await
        };
        match timeout(patience, connecting).await.unwrap_or_else(|_| Err(slow())) {
            Ok(connection) => return Ok(connection),
            // More telling than that others can't be reached.
            Err(_) if matches!(failure, OpenError::ReadOnly) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The hosts of a URL in the order in which they are tried, each with the name that its certificate must have.
fn hosts(config: &Config) -> Result<Vec<(String, Address, u16)>, OpenError> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    if (!addresses.is_empty() && !names.is_empty() && addresses.len() != names.len())
        || (ports.len() > 1 && ports.len() != count)
    {
        let reason = "it has another number of hosts than of addresses or ports".to_owned();
        return Err(ConnectionError::InvalidConnectionUrl(reason).into());
    }
    let mut hosts: Vec<_> = (0..count)
        .map(|at| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
            let address = addresses.get(at).map(|address| Address::Tcp(address.to_string()));
            match names.get(at) {
                #[cfg(unix)]
                Some(Host::Unix(folder)) => (String::new(), Address::Unix(folder.clone()), port),
                Some(Host::Tcp(name)) => (name.clone(), address.unwrap_or_else(|| Address::Tcp(name.clone())), port),
                None => (String::new(), address.unwrap_or_else(|| Address::Tcp(String::new())), port),
            }
        })
        .collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random && count > 1 {
        let random = getrandom::u32().map_err(|error| refused(&error))?;
        hosts.rotate_left(random as usize % count);
    }
    Ok(hosts)
}

async fn resolve(address: Address, port: u16) -> io::Result<Vec<Target>> {
    match address {
        #[cfg(unix)]
        Address::Unix(folder) => Ok(vec![Target::Unix(folder.join(format!(".s.PGSQL.{port}")))]),
        Address::Tcp(name) => {
            let resolved: Vec<_> = lookup_host((name.as_str(), port)).await?.map(Target::Tcp).collect();
            let none = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            if resolved.is_empty() { Err(none()) } else { Ok(resolved) }
        }
    }
}

async fn open(config: &Config, target: Target) -> io::Result<Socket> {
    match target {
        #[cfg(unix)]
        Target::Unix(path) => LocalStream::connect(path).await.map(Either::Right),
        Target::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            prepare(config, &stream)?;
            Ok(Either::Left(stream))
        }
    }
}

fn prepare(config: &Config, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(config.get_tcp_user_timeout().copied().unwrap_or(SILENCE)))?;
    if config.get_keepalives() {
        let idle = config.get_keepalives_idle();
        let keepalive = TcpKeepalive::new()
            .with_time(if idle == DEFAULT_IDLE { SILENCE } else { idle })
            .with_interval(config.get_keepalives_interval().unwrap_or(Duration::from_secs(1)));
        #[cfg(not(windows))]
        let keepalive = keepalive.with_retries(config.get_keepalives_retries().unwrap_or(PROBES));
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// Begins a session.
async fn start(
    config: &Config,
    socket: Socket,
    name: &str,
    tls: Option<&MakeRustlsConnect>,
) -> Result<Connection, OpenError> {
    let reported = Reported::default();
    if let Some(tls) = tls {
        let tls =
            MakeTlsConnect::<Socket>::make_tls_connect(&mut tls.clone(), name).map_err(|error| refused(&error))?;
        let tls = WatchedTls { tls, reported: reported.clone() };
        let session = config.connect_raw(socket, tls).await.map_err(|error| refused(&error))?;
        drive(config, session, reported).await
    } else {
        let socket = Watched::new(socket, reported.clone());
        let session = config.connect_raw(socket, NoTls).await.map_err(|error| refused(&error))?;
        drive(config, session, reported).await
    }
}

async fn drive<S, T>(
    config: &Config,
    (client, session): (Client, tokio_postgres::Connection<S, T>),
    reported: Reported,
) -> Result<Connection, OpenError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    ensure_utf8(&session)?;
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        // What waits for it learns of its end as well.
        let _ = session.await;
    });
    let diesel = AsyncPgConnection::try_from(client).await.map_err(|error| shared_or(&reported, error.into()))?;
    let mut connection = Connection::new(diesel, driver, reported);
    let required = config.get_target_session_attrs();
    if required != TargetSessionAttrs::Any {
        // A standby's transactions are read-only, whatever its settings.
        let asked = diesel::select(current_setting("transaction_read_only")).get_result(&mut *connection).await;
        let read_only: String = asked.map_err(|error| shared_or(&connection.reported, error.into()))?;
        match (required, read_only.as_str()) {
            (TargetSessionAttrs::ReadWrite, "on") => return Err(OpenError::ReadOnly),
            (TargetSessionAttrs::ReadOnly, "off") => {
                return Err(ConnectionError::BadConnection("the database is not read-only".to_owned()).into());
            }
            _ => {}
        }
    }
    Ok(connection)
}

/// Fails on a database that can't store every character. The server says how it stores text when a connection opens.
fn ensure_utf8<S, T>(session: &tokio_postgres::Connection<S, T>) -> Result<(), OpenError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    match session.parameter("server_encoding") {
        Some(encoding) if encoding != "UTF8" => Err(ConnectionError::BadConnection(format!(
            "its encoding is {encoding}, and UTF8 is required: create one with \
             CREATE DATABASE promolink ENCODING 'UTF8' TEMPLATE template0"
        ))
        .into()),
        _ => Ok(()),
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// A setting of the session.
    fn current_setting(name: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

fn refused(error: &(dyn std::error::Error + 'static)) -> OpenError {
    ConnectionError::BadConnection(in_full(error)).into()
}

//! Sockets to PostgreSQL, which notice a server that has disappeared.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio_postgres::Config;
use tokio_util::either::Either;

/// How long a server may be silent, as a machine is that has lost its power or network, before keepalive probes begin, and
/// how long it may leave data unacknowledged. A statement that waits for such a server fails after this plus [`PROBES`]
/// seconds; with the defaults of the system it would wait for hours.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// How many keepalive probes, one per second, a server may leave unanswered.
#[cfg(not(windows))]
const PROBES: u32 = 3;

/// The driver's value for a URL without `keepalives_idle`.
const DEFAULT_IDLE: Duration = Duration::from_hours(2);

#[cfg(unix)]
type LocalStream = tokio::net::UnixStream;
#[cfg(not(unix))]
type LocalStream = TcpStream;

/// A socket to a server.
pub type Socket = Either<TcpStream, LocalStream>;

/// The address of a socket.
pub enum Target {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

/// Opens a socket.
pub async fn open(config: &Config, target: Target) -> io::Result<Socket> {
    match target {
        #[cfg(unix)]
        Target::Unix(path) => LocalStream::connect(path).await.map(Either::Right),
        Target::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            set_options(config, &stream)?;
            Ok(Either::Left(stream))
        }
    }
}

fn set_options(config: &Config, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(config.get_tcp_user_timeout().copied().unwrap_or(SILENCE_TIMEOUT)))?;
    if config.get_keepalives() {
        let idle = config.get_keepalives_idle();
        let keepalive = TcpKeepalive::new()
            .with_time(if idle == DEFAULT_IDLE { SILENCE_TIMEOUT } else { idle })
            .with_interval(config.get_keepalives_interval().unwrap_or(Duration::from_secs(1)));
        #[cfg(not(windows))]
        let keepalive = keepalive.with_retries(config.get_keepalives_retries().unwrap_or(PROBES));
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

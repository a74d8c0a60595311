//! Accepts connections on a listener, limits their number, and ends them.

mod activity;
mod connection;
mod connection_limit;
mod timed_stream;

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpSocket},
    time,
};

use self::connection_limit::ConnectionLimit;

/// The most concurrent connections. Each takes about 20 KB, and up to 40 KB with an incomplete head.
const MAX_CONNECTIONS: usize = 4096;

/// File descriptors that are not for connections: those of the database and of the listener itself.
const RESERVED_FILES: usize = 128;

/// The pause after a connection could not be accepted, for example because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The send buffer of a connection, in bytes, for a client that does not read. Linux doubles it. By default, it grows to
/// megabytes for each connection.
const SEND_BUFFER: u32 = 64 * 1024;

/// The most connections that wait in the operating system to be accepted.
const BACKLOG: u32 = 1024;

/// The number of connections that the limit on open files permits, up to a maximum.
fn max_connections() -> usize {
    // If the limit on files can't be raised or read, the default applies.
    let files = rlimit::increase_nofile_limit(u64::MAX).ok().and_then(|files| usize::try_from(files).ok());
    files.map_or(MAX_CONNECTIONS, |files| files.saturating_sub(RESERVED_FILES).clamp(1, MAX_CONNECTIONS))
}

/// Listens on an address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // The operating system keeps connections of a previous server for a minute.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` completes, then until all requests in progress have their responses.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let graceful = GracefulShutdown::new();
    let connections = ConnectionLimit::new(max_connections());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again in {} ms", ACCEPT_PAUSE.as_millis());
                time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = tokio::select! {
            connection = connections.add() => Arc::new(connection),
            () = &mut shutdown => break,
        };
        // Responses are written in one piece, so waiting for more bytes would only delay them.
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection::serve(stream, connection, router.clone(), graceful.watcher()));
    }
    drop(listener);
    graceful.shutdown().await;
}

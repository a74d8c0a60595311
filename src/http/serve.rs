//! The listener: accepts connections, bounds them, and ends them.

use std::{
    convert::Infallible,
    future::{self, Future},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::Request,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::TokioIo,
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time,
};
use tower::ServiceExt;

use super::{
    connections::{Connection, Connections, UnderWay},
    host,
    stream::Stream,
};

/// The longest head of a request, in bytes. Other servers have limits from 8 to 32 KiB, so longer ones do not get far.
const MAX_HEAD: usize = 16 * 1024;

/// The most connections at once. Each takes some 20 KB, and up to 40 KB with an unfinished head.
const MAX_CONNECTIONS: usize = 4096;

/// Files that are not for connections: the database's, and the listener itself.
const OTHER_FILES: usize = 128;

/// How long to wait when no more connections can be taken, as when all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How much of a response the system holds for a client that does not read it, in bytes: Linux holds twice as much. Left to
/// itself, it holds megabytes for each connection.
const SEND_BUFFER: u32 = 64 * 1024;

/// How many connections the system holds that have not been taken yet.
const BACKLOG: u32 = 1024;

/// As many as the system lets the process have, up to a bound.
fn max_connections() -> usize {
    // Where the limit can't be raised or told, it is what it is.
    let files = rlimit::increase_nofile_limit(u64::MAX).ok().and_then(|files| usize::try_from(files).ok());
    files.map_or(MAX_CONNECTIONS, |files| files.saturating_sub(OTHER_FILES).clamp(1, MAX_CONNECTIONS))
}

/// Listens on an address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Of a server that has ended, the system keeps connections for a minute.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` completes, then until the requests under way are answered.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(max_connections());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = tokio::select! {
            connection = connections.add() => Arc::new(connection),
            () = &mut shutdown => break,
        };
        // Answers are written in one piece: to hold one back for more would only delay it.
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve_connection(stream, connection, router.clone(), graceful.watcher()));
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Serves a connection until it ends or is closed for another one.
async fn serve_connection(stream: TcpStream, connection: Arc<Connection>, router: Router, watcher: Watcher) {
    let service = service_fn(|request: Request<Incoming>| {
        let has_body = !request.body().is_end_stream();
        let (under_way, router) = (connection.begin(has_body), router.clone());
        let request = request.map(|body| RequestBody { body, connection: Arc::clone(&connection) });
        async move {
            // The connection is being closed: nothing is to be executed any more.
            let Some(under_way) = under_way else { return future::pending().await };
            let response = match host::refusal(&request) {
                Some(refusal) => refusal,
                None => router.oneshot(request.map(Body::new)).await?,
            };
            under_way.respond();
            Ok::<_, Infallible>(response.map(|body| TrackedBody { body, _under_way: under_way }))
        }
    });
    let mut protocol = http1::Builder::new();
    // The stream has time limits of its own: hyper's does not tell an idle connection from a slow head.
    protocol.header_read_timeout(None).max_buf_size(MAX_HEAD);
    let stream = TokioIo::new(Stream::new(stream, Arc::clone(&connection)));
    tokio::select! {
        ended = watcher.watch(protocol.serve_connection(stream, service)) => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        },
        () = connection.closed() => tracing::debug!("an idle connection was closed for a new one"),
    }
}

/// The body of a request. Its connection can be closed for another one until it has arrived completely.
struct RequestBody {
    body: Incoming,
    connection: Arc<Connection>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if (frame.is_none() || self.body.is_end_stream()) && !self.connection.received() {
            // The connection is being closed: nothing is to be executed any more.
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response, by which its request is under way.
struct TrackedBody {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

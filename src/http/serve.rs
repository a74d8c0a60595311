//! Connections: taken, bounded in time, and let go.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time};
use tokio_io_timeout::TimeoutStream;

/// How long the head of a request may take, and a connection be idle between two. (axum's own way of serving has no
/// such bound: who opens connections and says nothing could keep them all.)
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may read nothing of what it asked for.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest head of a request, in bytes: a document of some length may be in its URL.
const MAX_HEAD: usize = 64 * 1024;

/// The most connections at once. Each idle one takes some 10 KB.
const MAX_CONNECTIONS: usize = 16_384;

/// Files that are not for connections: the database's, and the listener itself.
const OTHER_FILES: usize = 128;

/// How long to wait when no more connections can be taken, as when all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// As many as the system lets the process have, up to a bound.
fn max_connections() -> usize {
    // Where the limit can't be raised or told, it is what it is.
    let files = rlimit::increase_nofile_limit(u64::MAX).ok().and_then(|files| usize::try_from(files).ok());
    files.map_or(MAX_CONNECTIONS, |files| files.saturating_sub(OTHER_FILES).clamp(1, MAX_CONNECTIONS))
}

/// Serves until `shutdown` completes, then until the requests under way are answered.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    let connections = GracefulShutdown::new();
    let service = TowerToHyperService::new(router);
    let places = Arc::new(Semaphore::new(max_connections()));
    loop {
        // Whoever finds no place waits in the system's queue.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = &mut shutdown => break,
        };
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
        // Answers are written in one piece: to hold one back for more would only delay it.
        let _ = stream.set_nodelay(true);
        let mut protocol = http1::Builder::new();
        protocol.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(READ_TIMEOUT));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = connections.watch(protocol.serve_connection(stream, service.clone()));
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

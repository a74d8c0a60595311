//! Serves HTTP/1 on one connection, and tracks each request from its head to the end of its response.

use std::{
    convert::Infallible,
    future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
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
use hyper_util::{rt::TokioIo, server::graceful::Watcher};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::{
    connection_limit::{RequestInProgress, TrackedConnection},
    timed_stream::TimedStream,
};
use crate::http::host_check;

/// The longest head of a request, in bytes. Other servers have limits from 8 to 32 KiB, so longer heads rarely get here.
const MAX_HEAD: usize = 16 * 1024;

/// Serves a connection until it ends or is closed for a new one.
pub async fn serve(stream: TcpStream, connection: Arc<TrackedConnection>, router: Router, watcher: Watcher) {
    let service = service_fn(|request: Request<Incoming>| {
        let has_body = !request.body().is_end_stream();
        let (in_progress, router) = (connection.begin_request(has_body), router.clone());
        let request = request.map(|body| RequestBody { body, connection: Arc::clone(&connection) });
        async move {
            // If the connection is closing, nothing may be executed any more.
            let Some(in_progress) = in_progress else { return future::pending().await };
            let response = match host_check::reject_invalid_host(&request) {
                Some(rejection) => rejection,
                None => router.oneshot(request.map(Body::new)).await?,
            };
            in_progress.begin_response();
            Ok::<_, Infallible>(response.map(|body| ResponseBody { body, _in_progress: in_progress }))
        }
    });
    let mut protocol = http1::Builder::new();
    // The stream has its own timeouts: hyper's does not distinguish an idle connection from a slow head.
    protocol.header_read_timeout(None).max_buf_size(MAX_HEAD);
    let stream = TokioIo::new(TimedStream::new(stream, Arc::clone(&connection)));
    tokio::select! {
        ended = watcher.watch(protocol.serve_connection(stream, service)) => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        },
        () = connection.closed() => tracing::debug!("closed a connection to accept a new one"),
    }
}

/// The body of a request. Until it is complete, its connection can be closed for a new one.
struct RequestBody {
    body: Incoming,
    connection: Arc<TrackedConnection>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if (frame.is_none() || self.body.is_end_stream()) && !self.connection.body_received() {
            // If the connection is closing, nothing may be executed any more.
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

/// The body of a response. Its request is in progress until this is dropped.
struct ResponseBody {
    body: Body,
    _in_progress: RequestInProgress,
}

impl HttpBody for ResponseBody {
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

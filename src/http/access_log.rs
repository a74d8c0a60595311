//! The access log: a line and metrics for each request, written when its response is ready.

mod metrics;
mod reason;
mod record;

use std::time::{Duration, Instant};

use axum::{
    extract,
    http::{
        Method, Response,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
    },
    middleware::Next,
    response,
};
use tracing::Instrument;

pub use self::{
    metrics::OperationSource,
    reason::Reason,
    record::{PendingRecord, RequestRecord},
};
#[cfg(feature = "otlp")]
use crate::telemetry::continue_trace;

/// Middleware: passes a request on in a span of its own, and records it when its response is ready. Skips preflights of
/// pages that may call.
pub async fn record_requests(request: extract::Request, next: Next) -> response::Response {
    let (mut record, started) = (RequestRecord::of(&request), Instant::now());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let origin = request.headers().get(ORIGIN).filter(|_| is_preflight).cloned();
    // At level ERROR, so that errors carry the request's id whatever the filter is.
    let span = tracing::error_span!("request", id = record.id.as_deref().unwrap_or_default());
    #[cfg(feature = "otlp")]
    continue_trace(&span, |name| Some(request.headers().get(name)?.to_str().ok()?.to_owned()));
    let response = next.run(request).instrument(span).await;
    if let Some(origin) = origin {
        if response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return response;
        }
        record.origin = origin.to_str().ok().map(Into::into);
        record.reason = Some(Reason::Origin);
    }
    record_response(&response, &record, started.elapsed());
    response
}

/// Records a response by the record that it carries, or by `fallback` if it carries none: only the GraphQL endpoint and
/// the checks of `Host` attach one.
pub fn record_response<B>(response: &Response<B>, fallback: &RequestRecord, latency: Duration) {
    let status = response.status();
    match response.extensions().get::<RequestRecord>() {
        Some(record) => record.log_and_count(status.as_u16(), latency),
        // A panic outside the execution of an operation.
        None if status.is_server_error() => fallback.log_and_count(status.as_u16(), latency),
        // A page, or 404.
        None => fallback.log(status.as_u16(), latency),
    }
}

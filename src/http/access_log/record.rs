//! The data of one request for the access log, and how it is logged and counted.

use std::{
    iter, mem,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use axum::http::{Method, Request, Response, StatusCode, Uri};

use super::{
    metrics::{OperationMetrics, OperationSource},
    reason::Reason,
};
use crate::{
    auth::{Credential, Principal},
    http::REQUEST_ID,
    telemetry::LogThrottle,
};

/// Clients retry these immediately, so their lines are throttled even if the credential is valid.
const THROTTLED: [StatusCode; 3] =
    [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];

/// One throttle per status.
static THROTTLES: LazyLock<Vec<LogThrottle>> =
    LazyLock::new(|| iter::repeat_with(LogThrottle::default).take(1000).collect());

/// The error code of a request that took too long.
const TIMED_OUT: &str = "TIMEOUT";

/// The status of a request whose client disconnected before the response, or that was cut off when the server ended. HTTP
/// has no such status; nginx introduced this one.
const CLIENT_DISCONNECTED: u16 = 499;

/// The longest part of a method, a path or an origin that is logged, in bytes: clients choose them. Shorter than a
/// credential.
const MAX_LOGGED: usize = 64;

/// The data of one request for the access log. It travels in the extensions of the response.
#[derive(Debug, Clone, Default)]
pub struct RequestRecord {
    /// The request's id.
    pub id: Option<Arc<str>>,
    pub method: Method,
    /// The target, of which only the path is logged.
    pub uri: Uri,
    /// The origin of a page that may not call.
    pub origin: Option<Arc<str>>,
    /// The caller, once its credential was accepted.
    pub credential: Option<Arc<str>>,
    /// The operation's name, if it has one and passed validation.
    pub operation: Option<Arc<str>>,
    /// Decides whether that name becomes a label of metrics.
    pub source: OperationSource,
    /// The code of the first error.
    pub error: Option<String>,
    /// Why the request has no result.
    pub reason: Option<Reason>,
    /// Whether the request was rejected before it was processed. Its latency, about zero, then stays out of the histogram.
    pub rejected_early: bool,
}

impl RequestRecord {
    /// The record of a request that has just arrived.
    pub fn of<B>(request: &Request<B>) -> Self {
        let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(Arc::from);
        Self { id, method: request.method().clone(), uri: request.uri().clone(), ..Self::default() }
    }

    /// Sets the caller. Ids of customers are not logged.
    pub fn set_caller(&mut self, principal: &Principal) {
        let name = match principal.credential {
            Credential::None => "none".to_owned(),
            Credential::ApiKey(id) => format!("{} key {}", principal.role, id.get()),
            Credential::Customer(_) => format!("customer of {}", principal.org.get()),
        };
        self.credential = Some(name.into());
    }

    /// Writes the line and updates the metrics of GraphQL requests.
    pub fn log_and_count(&self, status: u16, latency: Duration) {
        self.log(status, latency);
        let metrics = OperationMetrics::of(self.operation.as_deref(), self.source);
        if !self.rejected_early {
            metrics.seconds.record(latency);
        }
        match &self.error {
            None if status == StatusCode::OK => metrics.successes.increment(1),
            error => {
                let error = error.clone().unwrap_or_else(|| "none".to_owned());
                metrics.failures(status, error).increment(1);
            }
        }
    }

    /// Writes the line.
    pub fn log(&self, status: u16, latency: Duration) {
        let line =
            if self.is_throttled(status) { THROTTLES[usize::from(status)].allow_line().map(Some) } else { Some(None) };
        let Some(left_out) = line else { return };
        tracing::info!(
            target: "promolink::request",
            // Its span would repeat the id.
            parent: None,
            id = self.id.as_deref(),
            method = truncated(self.method.as_str()),
            path = truncated(self.uri.path()),
            origin = self.origin.as_deref().map(truncated),
            credential = self.credential.as_deref(),
            operation = self.operation.as_deref(),
            status,
            error = self.error.as_deref(),
            reason = self.reason.as_ref().map(Reason::as_str),
            left_out,
            duration_seconds = latency.as_secs_f64(),
            "answered"
        );
    }

    /// Whether only some requests with this status have a line. Anyone can send requests without a valid credential, at any
    /// rate.
    fn is_throttled(&self, status: u16) -> bool {
        // A request that timed out may have changed something, and timeouts can't come in floods.
        self.error.as_deref() != Some(TIMED_OUT)
            && (self.credential.is_none() || THROTTLED.iter().any(|&throttled| throttled == status))
    }
}

fn truncated(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LOGGED)]
}

/// The record of a request that has no response yet. If this is dropped before it has one, the client has disconnected, and
/// that is recorded.
pub struct PendingRecord {
    pub record: RequestRecord,
    started: Instant,
    has_response: bool,
}

impl PendingRecord {
    pub fn new(record: RequestRecord) -> Self {
        Self { record, started: Instant::now(), has_response: false }
    }

    /// Moves the record into the extensions of its response, with the code of the response's first error.
    pub fn attach_to<B>(&mut self, response: &mut Response<B>, error: Option<String>) {
        self.has_response = true;
        let record = mem::take(&mut self.record);
        response.extensions_mut().insert(RequestRecord { error, ..record });
    }
}

impl Drop for PendingRecord {
    fn drop(&mut self) {
        if !self.has_response && !std::thread::panicking() {
            self.record.log_and_count(CLIENT_DISCONNECTED, self.started.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql;

    #[test]
    fn a_timeout_is_recognised_by_its_error_code() {
        assert_eq!(graphql::code_of(&graphql::timed_out(true)).as_deref(), Some(TIMED_OUT));
    }
}

//! What is told of each request when it is answered: a line in the log, and metrics.

mod figures;
mod reason;

use std::{
    iter,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use axum::{
    extract,
    http::{
        Method, Request, Response, StatusCode, Uri,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
    },
    middleware::Next,
    response,
};
use tracing::Instrument;

use self::figures::Figures;
pub use self::{figures::Naming, reason::Reason};
use super::REQUEST_ID;
use crate::telemetry::LogThrottle;
#[cfg(feature = "otlp")]
use crate::telemetry::adopt;

/// Callers retry these immediately, so their lines are limited even if the caller showed a valid credential.
const REFUSED: [StatusCode; 3] =
    [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];

/// The limits of lines, by status.
static LINES: LazyLock<Vec<LogThrottle>> =
    LazyLock::new(|| iter::repeat_with(LogThrottle::default).take(1000).collect());

/// The error's code where a request took too long.
const TIMED_OUT: &str = "TIMEOUT";

/// What is told of a request whose caller went before it was answered, or that was cut off when the server ended. There
/// is no such status in HTTP; nginx was the first to call it so.
const GONE: u16 = 499;

/// What a request was about: goes with its response to where that is told.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The request's id.
    pub id: Option<Arc<str>>,
    /// Its method.
    pub method: Method,
    /// Its target, of which the path is told.
    pub uri: Uri,
    /// The origin of a page that may not call.
    pub origin: Option<Arc<str>>,
    /// The caller, once its credential was accepted.
    pub credential: Option<Arc<str>>,
    /// The operation's name, if it has one and was executed.
    pub operation: Option<Arc<str>>,
    /// Whether that name becomes a label of metrics.
    pub naming: Naming,
    /// The code of the first error.
    pub error: Option<String>,
    /// Why nothing came of it.
    pub reason: Option<Reason>,
    /// Whether it was rejected before it was looked at. That takes no time, and the histogram would tell of it as if it had
    /// been served.
    pub unserved: bool,
}

/// Passes a request on, in a span of its own, and tells of it when it is answered. Preflights of pages that may call are left
/// out.
pub async fn observe(request: extract::Request, next: Next) -> response::Response {
    let (mut about, since) = (About::of(&request), Instant::now());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let origin = request.headers().get(ORIGIN).filter(|_| is_preflight).cloned();
    // At this level the span is there for errors whatever else is logged.
    let span = tracing::error_span!("request", id = about.id.as_deref().unwrap_or_default());
    #[cfg(feature = "otlp")]
    adopt(&span, |name| Some(request.headers().get(name)?.to_str().ok()?.to_owned()));
    let response = next.run(request).instrument(span).await;
    if let Some(origin) = origin {
        if response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return response;
        }
        about.origin = origin.to_str().ok().map(Arc::from);
        about.reason = Some(Reason::Origin);
    }
    tell(&response, &about, since.elapsed());
    response
}

/// Tells of a request that is answered. Its response says what is known of it if it was one for GraphQL.
pub fn tell<B>(response: &Response<B>, other: &About, latency: Duration) {
    let status = response.status();
    match response.extensions().get::<About>() {
        Some(about) => about.tell(status.as_u16(), latency),
        // A panic outside of what is executed.
        None if status.is_server_error() => other.tell(status.as_u16(), latency),
        // A page, or no page.
        None => other.log(status.as_u16(), latency),
    }
}

/// How much of a method, a path or an origin is logged, in bytes: they are the caller's choice. It is less than the length
/// of a credential.
const MAX_SHOWN: usize = 64;

fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_SHOWN)]
}

impl About {
    /// What is known of a request as soon as it is there.
    pub fn of<B>(request: &Request<B>) -> Self {
        let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(Arc::from);
        Self { id, method: request.method().clone(), uri: request.uri().clone(), ..Self::default() }
    }

    /// Tells that the caller has gone.
    pub fn tell_gone(&self, latency: Duration) {
        self.tell(GONE, latency);
    }

    fn tell(&self, status: u16, latency: Duration) {
        self.log(status, latency);
        let figures = Figures::of(self.operation.as_deref(), self.naming);
        if !self.unserved {
            figures.seconds.record(latency);
        }
        match &self.error {
            None if status == StatusCode::OK => figures.successes.increment(1),
            error => {
                let error = error.clone().unwrap_or_else(|| "none".to_owned());
                figures.failed(status, error).increment(1);
            }
        }
    }

    /// Whether only some requests with this status have a line. Those of callers without a valid credential come at the
    /// rate that strangers choose.
    fn is_limited(&self, status: u16) -> bool {
        // What took too long may have changed something, and can't come in floods.
        self.error.as_deref() != Some(TIMED_OUT)
            && (self.credential.is_none() || REFUSED.iter().any(|&refused| refused == status))
    }

    fn log(&self, status: u16, latency: Duration) {
        let line = if self.is_limited(status) { LINES[usize::from(status)].next().map(Some) } else { Some(None) };
        let Some(left_out) = line else { return };
        tracing::info!(
            target: "promolink::request",
            // Its span would repeat the id.
            parent: None,
            id = self.id.as_deref(),
            method = shown(self.method.as_str()),
            path = shown(self.uri.path()),
            origin = self.origin.as_deref().map(shown),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql;

    #[test]
    fn what_took_too_long_is_known_by_its_code() {
        assert_eq!(graphql::code_of(&graphql::timed_out(true)).as_deref(), Some(TIMED_OUT));
    }
}

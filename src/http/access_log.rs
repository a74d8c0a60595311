//! What is told of each request when it is answered: a line in the log, and metrics.

mod figures;

use std::{
    iter,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::http::{HeaderMap, Response, StatusCode};
use tracing::Span;

use self::figures::Figures;
pub use self::figures::Naming;
use super::REQUEST_ID;
use crate::telemetry::Sparing;

/// Callers retry these immediately, so their lines are limited even if the caller showed a valid credential.
const REFUSED: [StatusCode; 3] =
    [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];

/// The limits of lines, by status.
static LINES: LazyLock<Vec<Sparing>> = LazyLock::new(|| iter::repeat_with(Sparing::default).take(1000).collect());

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
    /// The caller, once its credential was accepted.
    pub credential: Option<Arc<str>>,
    /// The operation's name, if it has one and was executed.
    pub operation: Option<Arc<str>>,
    /// Whether that name becomes a label of metrics.
    pub naming: Naming,
    /// The code of the first error.
    pub error: Option<String>,
    /// Why it was refused, in words that are not for the caller.
    pub reason: Option<&'static str>,
}

/// Tells of a request that is answered.
pub fn tell<B>(response: &Response<B>, latency: Duration, _: &Span) {
    let status = response.status();
    match response.extensions().get::<About>() {
        Some(about) => about.tell(status.as_u16(), latency),
        // A panic outside of what is executed.
        None if status.is_server_error() => About::default().tell(status.as_u16(), latency),
        // A page, or no page.
        None => About::default().log(status.as_u16(), latency),
    }
}

/// Tells of a request that was refused before it was looked at. That took no time, of which the histogram would tell
/// as if it had been served.
pub fn tell_unserved<B>(response: &Response<B>) {
    if let Some(about) = response.extensions().get::<About>() {
        let status = response.status().as_u16();
        about.log(status, Duration::ZERO);
        about.count(status, &about.figures());
    }
}

impl About {
    /// What is known of a request as soon as it is there.
    pub fn of(headers: &HeaderMap) -> Self {
        let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(Arc::from);
        Self { id, ..Self::default() }
    }

    /// Tells that the caller has gone.
    pub fn tell_gone(&self, latency: Duration) {
        self.tell(GONE, latency);
    }

    fn tell(&self, status: u16, latency: Duration) {
        self.log(status, latency);
        let figures = self.figures();
        figures.seconds.record(latency);
        self.count(status, &figures);
    }

    fn figures(&self) -> Arc<Figures> {
        Figures::of(self.operation.as_deref(), self.naming)
    }

    fn count(&self, status: u16, figures: &Figures) {
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
            id = self.id.as_deref(),
            credential = self.credential.as_deref(),
            operation = self.operation.as_deref(),
            status,
            error = self.error.as_deref(),
            reason = self.reason,
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

//! What is told of each request when it is answered: a line in the log, and metrics.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock, PoisonError, RwLock},
    time::Duration,
};

use axum::http::Response;
use metrics::{counter, histogram};
use tracing::Span;

/// How many operations are told apart. Their names are the callers' own, and each has metrics of its own.
const MAX_OPERATIONS: usize = 100;

/// What a request was about: goes with its response to where that is told.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The operation's name, if it has one and was executed.
    pub operation: Option<Arc<str>>,
    /// The code of the first error.
    pub error: Option<String>,
}

/// Tells of a request that is answered.
pub fn tell<B>(response: &Response<B>, latency: Duration, _: &Span) {
    static NONE: LazyLock<About> = LazyLock::new(About::default);
    let about = response.extensions().get::<About>().unwrap_or(&NONE);
    let status = response.status().as_u16();
    let name = about.operation.as_deref();
    tracing::info!(
        target: "promolink::request",
        operation = name,
        status,
        error = about.error.as_deref(),
        duration_seconds = latency.as_secs_f64(),
        "answered"
    );
    let operation = about.operation.as_ref().map_or_else(|| Arc::from("unnamed"), known);
    let error = about.error.clone().unwrap_or_else(|| "none".to_owned());
    histogram!("promolink_request_seconds", "operation" => Arc::clone(&operation)).record(latency);
    counter!("promolink_requests_total", "operation" => operation, "status" => status.to_string(), "error" => error)
        .increment(1);
}

/// The name of an operation, or `other` when there are too many.
fn known(name: &Arc<str>) -> Arc<str> {
    static KNOWN: LazyLock<RwLock<HashSet<Arc<str>>>> = LazyLock::new(RwLock::default);
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Arc::clone(known);
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MAX_OPERATIONS {
        return Arc::from("other");
    }
    known.insert(Arc::clone(name));
    Arc::clone(name)
}

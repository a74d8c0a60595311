//! What is told of each request when it is answered: a line in the log, and metrics.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
    time::Duration,
};

use axum::http::Response;
use metrics::{Counter, Histogram, counter, histogram};
use tracing::Span;

/// How many operations are told apart. Their names are the callers' own, and each has metrics of its own.
const MAX_OPERATIONS: usize = 100;

/// What a request was about: goes with its response to where that is told.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The request's id.
    pub id: Option<Arc<str>>,
    /// Who asked, if that is known.
    pub credential: Option<Arc<str>>,
    /// The operation's name, if it has one and was executed.
    pub operation: Option<Arc<str>>,
    /// The code of the first error.
    pub error: Option<String>,
}

/// Tells of a request that is answered.
pub fn tell<B>(response: &Response<B>, latency: Duration, _: &Span) {
    static NONE: LazyLock<About> = LazyLock::new(About::default);
    let About { id, credential, operation, error } = response.extensions().get::<About>().unwrap_or(&NONE);
    let status = response.status();
    tracing::info!(
        target: "promolink::request",
        id = id.as_deref(),
        credential = credential.as_deref(),
        operation = operation.as_deref(),
        status = status.as_u16(),
        error = error.as_deref(),
        duration_seconds = latency.as_secs_f64(),
        "answered"
    );
    let figures = Figures::of(operation.as_deref().unwrap_or("unnamed"));
    figures.seconds.record(latency);
    match error {
        None if status.is_success() => figures.successes.increment(1),
        error => {
            let error = error.clone().unwrap_or_else(|| "none".to_owned());
            requests(&figures.name, status.as_u16(), error).increment(1);
        }
    }
}

/// Where the metrics of an operation are kept, so that they need not be looked for with each request.
struct Figures {
    name: Arc<str>,
    seconds: Histogram,
    successes: Counter,
}

impl Figures {
    fn new(name: &str) -> Self {
        let name: Arc<str> = Arc::from(name);
        Self {
            seconds: histogram!("promolink_request_seconds", "operation" => Arc::clone(&name)),
            successes: requests(&name, 200, "none".to_owned()),
            name,
        }
    }

    /// Those of an operation, or of all others when there are too many.
    fn of(name: &str) -> Arc<Self> {
        static KNOWN: LazyLock<RwLock<HashMap<Arc<str>, Arc<Figures>>>> = LazyLock::new(RwLock::default);
        static OTHER: LazyLock<Arc<Figures>> = LazyLock::new(|| Arc::new(Figures::new("other")));
        if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_OPERATIONS {
            return Arc::clone(&OTHER);
        }
        let figures = Arc::new(Self::new(name));
        known.insert(Arc::clone(&figures.name), Arc::clone(&figures));
        figures
    }
}

fn requests(operation: &Arc<str>, status: u16, error: String) -> Counter {
    let operation = Arc::clone(operation);
    counter!("promolink_requests_total", "operation" => operation, "status" => status.to_string(), "error" => error)
}

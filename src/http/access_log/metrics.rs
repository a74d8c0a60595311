//! The metrics of requests, by operation.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use metrics::{Counter, Histogram, counter, histogram};

use crate::{auth::Principal, graphql::PreparedOperation};

/// The most operations from trusted callers' own documents that have metrics of their own. Persisted operations don't
/// count: the operator chooses their number.
const MAX_OPERATIONS: usize = 100;

/// Where an operation comes from, which decides whether its name becomes a label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OperationSource {
    /// An untrusted caller: no label, since the users of an app could exhaust the labels.
    #[default]
    Untrusted,
    /// A trusted caller: a label, up to a limit.
    Trusted,
    /// A persisted document: a label.
    Persisted,
}

impl OperationSource {
    /// The source of an operation that a caller sent.
    pub fn of(operation: &PreparedOperation, caller: &Principal) -> Self {
        if operation.is_persisted() {
            Self::Persisted
        } else if caller.is_trusted() {
            Self::Trusted
        } else {
            Self::Untrusted
        }
    }
}

/// The metrics of one operation, cached so that a request need not look them up.
pub struct OperationMetrics {
    name: Arc<str>,
    /// Latencies.
    pub seconds: Histogram,
    /// Requests with status 200 and without errors.
    pub successes: Counter,
}

/// The operations with metrics of their own.
#[derive(Default)]
struct Operations {
    metrics: HashMap<Arc<str>, Arc<OperationMetrics>>,
    /// The number of operations that count towards the limit.
    trusted: usize,
}

impl OperationMetrics {
    fn new(name: &str) -> Self {
        let name: Arc<str> = Arc::from(name);
        Self {
            seconds: histogram!("promolink_request_seconds", "operation" => Arc::clone(&name)),
            successes: requests(&name, 200, "none".to_owned()),
            name,
        }
    }

    /// The metrics of the operation with this name, or the shared metrics of all operations whose names are not labels.
    pub fn of(name: Option<&str>, source: OperationSource) -> Arc<Self> {
        static OPERATIONS: LazyLock<RwLock<Operations>> = LazyLock::new(RwLock::default);
        static OTHER: LazyLock<Arc<OperationMetrics>> = LazyLock::new(|| Arc::new(OperationMetrics::new("other")));
        static UNNAMED: LazyLock<Arc<OperationMetrics>> = LazyLock::new(|| Arc::new(OperationMetrics::new("unnamed")));
        let Some(name) = name else { return Arc::clone(&UNNAMED) };
        if source == OperationSource::Untrusted {
            return Arc::clone(&OTHER);
        }
        if let Some(metrics) = OPERATIONS.read().unwrap_or_else(PoisonError::into_inner).metrics.get(name) {
            return Arc::clone(metrics);
        }
        let mut operations = OPERATIONS.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have added it in between.
        if let Some(metrics) = operations.metrics.get(name) {
            return Arc::clone(metrics);
        }
        if source == OperationSource::Trusted {
            if operations.trusted >= MAX_OPERATIONS {
                return Arc::clone(&OTHER);
            }
            operations.trusted += 1;
        }
        let metrics = Arc::new(Self::new(name));
        operations.metrics.insert(Arc::clone(&metrics.name), Arc::clone(&metrics));
        metrics
    }

    /// The counter of requests that failed with this status and error code.
    pub fn failures(&self, status: u16, error: String) -> Counter {
        requests(&self.name, status, error)
    }
}

fn requests(operation: &Arc<str>, status: u16, error: String) -> Counter {
    let operation = Arc::clone(operation);
    counter!("promolink_requests_total", "operation" => operation, "status" => status.to_string(), "error" => error)
}

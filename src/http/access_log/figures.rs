//! The metrics of requests, by operation.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use metrics::{Counter, Histogram, counter, histogram};

use crate::{auth::Principal, graphql::PreparedOperation};

/// The operations of trusted callers' own documents that have metrics of their own. Persisted ones are not counted: their
/// number is the operator's choice.
const MAX_OPERATIONS: usize = 100;

/// Whether the name of an operation becomes a label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// It does not: an app's users could use up the labels.
    #[default]
    Untrusted,
    /// It does if there are not too many yet.
    Trusted,
    /// It does.
    Persisted,
}

impl Naming {
    /// How an operation is named that a caller sent.
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

/// The metrics of one operation, kept so that a request need not look them up.
pub struct Figures {
    name: Arc<str>,
    pub seconds: Histogram,
    pub successes: Counter,
}

/// The operations with metrics of their own.
#[derive(Default)]
struct Known {
    figures: HashMap<Arc<str>, Arc<Figures>>,
    /// How many of them count towards the limit.
    trusted: usize,
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

    /// Those of the operation with this name, or those that all operations share whose names are no labels.
    pub fn of(name: Option<&str>, naming: Naming) -> Arc<Self> {
        static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);
        static OTHER: LazyLock<Arc<Figures>> = LazyLock::new(|| Arc::new(Figures::new("other")));
        static UNNAMED: LazyLock<Arc<Figures>> = LazyLock::new(|| Arc::new(Figures::new("unnamed")));
        let Some(name) = name else { return Arc::clone(&UNNAMED) };
        if naming == Naming::Untrusted {
            return Arc::clone(&OTHER);
        }
        if let Some(figures) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).figures.get(name) {
            return Arc::clone(figures);
        }
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(figures) = known.figures.get(name) {
            return Arc::clone(figures);
        }
        if naming == Naming::Trusted {
            if known.trusted >= MAX_OPERATIONS {
                return Arc::clone(&OTHER);
            }
            known.trusted += 1;
        }
        let figures = Arc::new(Self::new(name));
        known.figures.insert(Arc::clone(&figures.name), Arc::clone(&figures));
        figures
    }

    /// The counter of requests that did not succeed, by status and error.
    pub fn failed(&self, status: u16, error: String) -> Counter {
        requests(&self.name, status, error)
    }
}

fn requests(operation: &Arc<str>, status: u16, error: String) -> Counter {
    let operation = Arc::clone(operation);
    counter!("promolink_requests_total", "operation" => operation, "status" => status.to_string(), "error" => error)
}

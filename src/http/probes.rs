//! What operators' programs ask: whether the process lives, whether it is to be sent requests, and what it has counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use futures_util::future::BoxFuture;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::telemetry::{METRICS_TYPE, metrics};

/// Looks at the database. Says why it can't be used, in words that anyone may read.
pub type DatabaseCheck = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// How long the database may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long what was found holds: whoever asks more often learns nothing new, and costs the database nothing.
const CHECK_KEPT: Duration = Duration::from_secs(1);

/// Whether this process is to be sent requests.
pub struct Readiness {
    database: DatabaseCheck,
    ending: AtomicBool,
    last: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Readiness {
    /// Ready as soon as the database is.
    #[must_use]
    pub fn new(database: DatabaseCheck) -> Self {
        Self { database, ending: AtomicBool::new(false), last: Mutex::default() }
    }

    /// From now on not ready, whatever the database says.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Ready, or why not.
    async fn check(self: Arc<Self>) -> Result<(), String> {
        if self.ending.load(Ordering::Acquire) {
            return Err("the server is shutting down".to_owned());
        }
        // In a task of its own: what was found is kept, whether or not who asked has gone.
        let looked = tokio::spawn(async move { self.look().await }).await;
        looked.unwrap_or_else(|_| Err("the check failed".to_owned()))
    }

    /// Who asks while the database is looked at waits for that look.
    async fn look(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((when, found)) = &*last
            && when.elapsed() < CHECK_KEPT
        {
            return found.clone();
        }
        let found = timeout(CHECK_TIMEOUT, (self.database)()).await;
        let found = found.unwrap_or_else(|_| Err("the database does not answer".to_owned()));
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

/// `/health` and `/ready`, which anyone may ask.
pub fn probes(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/health", get(async || "alive\n")).route("/ready", get(ready)).with_state(readiness)
}

/// All that operators ask, `/metrics` too. Those tell how often which code was refused for what reason, so they are not
/// for callers.
pub fn operators(readiness: Arc<Readiness>) -> Router {
    probes(readiness).route("/metrics", get(async || ([(CONTENT_TYPE, METRICS_TYPE)], metrics())))
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, String) {
    match readiness.check().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

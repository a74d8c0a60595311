//! Endpoints for operators and load balancers: `/health`, `/ready` and `/metrics`.

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

use crate::telemetry::{METRICS_CONTENT_TYPE, render_metrics};

/// Checks whether the database can be used.
pub type DatabaseCheck = Box<dyn Fn() -> BoxFuture<'static, Result<(), NotReady>> + Send + Sync>;

/// The longest time for the database to respond.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the result of a check is cached, so that frequent probes cost the database nothing.
const CHECK_CACHED_FOR: Duration = Duration::from_secs(1);

/// Why a server should not be sent requests. `/ready` is public, so the texts contain no secrets.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotReady {
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The database can't be used, with the reason.
    #[error("{0}")]
    Database(String),
    /// The database did not respond to the check in time.
    #[error("the database does not respond")]
    DatabaseTimeout,
    /// The check panicked.
    #[error("the check failed")]
    CheckFailed,
}

/// Whether this server should be sent requests.
pub struct Readiness {
    database_check: DatabaseCheck,
    is_shutting_down: AtomicBool,
    /// The result of the last check, and its time.
    last: Mutex<Option<(Instant, Result<(), NotReady>)>>,
}

impl Readiness {
    /// Ready whenever the database is.
    #[must_use]
    pub fn new(database_check: DatabaseCheck) -> Self {
        Self { database_check, is_shutting_down: AtomicBool::new(false), last: Mutex::default() }
    }

    /// From now on, the server is not ready.
    pub fn shut_down(&self) {
        self.is_shutting_down.store(true, Ordering::Release);
    }

    async fn check(self: Arc<Self>) -> Result<(), NotReady> {
        if self.is_shutting_down.load(Ordering::Acquire) {
            return Err(NotReady::ShuttingDown);
        }
        // In a task of its own: the result is cached even if the client disconnects.
        let checked = tokio::spawn(async move { self.cached_check().await }).await;
        checked.unwrap_or(Err(NotReady::CheckFailed))
    }

    /// Checks the database unless a recent result is cached. Concurrent callers share one check.
    async fn cached_check(&self) -> Result<(), NotReady> {
        let mut last = self.last.lock().await;
        if let Some((checked, result)) = &*last
            && checked.elapsed() < CHECK_CACHED_FOR
        {
            return result.clone();
        }
        let result = timeout(CHECK_TIMEOUT, (self.database_check)()).await;
        let result = result.unwrap_or(Err(NotReady::DatabaseTimeout));
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

/// `/health` and `/ready`, which are public.
pub fn public_routes(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/health", get(async || "alive\n")).route("/ready", get(ready)).with_state(readiness)
}

/// All endpoints for operators. `/metrics` says how often codes were refused and why, so it is not for callers.
pub fn operator_routes(readiness: Arc<Readiness>) -> Router {
    let metrics = get(async || ([(CONTENT_TYPE, METRICS_CONTENT_TYPE)], render_metrics()));
    public_routes(readiness).route("/metrics", metrics)
}

async fn ready(State(readiness): State<Arc<Readiness>>) -> (StatusCode, String) {
    match readiness.check().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

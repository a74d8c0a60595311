//! Detects a server that stopped responding but keeps its connections open, as on a machine whose disks hang. The kernel
//! there still acknowledges what is sent, so no limit of TCP notices.

use std::{
    error::Error,
    iter::successors,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use diesel::{QueryResult, dsl::sql, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::{Instant, sleep, timeout};

use super::connection::{Writes, establish};
use crate::{auth::Secret, store::error::OpenError, telemetry::LogThrottle};

/// How long a response may take before the server is probed. Statements that take longer are rare, and a probe costs one
/// connection.
const SILENCE: Duration = Duration::from_secs(3);

/// How often a connection is checked for silence.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a probe may take. All hosts of the URL have had their turn by then.
const PROBE_TIMEOUT: Duration = Duration::from_millis(2500);

/// When the server was last heard from, while a response is pending.
#[derive(Debug, Clone, Default)]
pub struct Pending(Arc<Mutex<Option<Instant>>>);

impl Pending {
    /// A request was sent.
    pub fn sent(&self) {
        self.lock().get_or_insert_with(Instant::now);
    }

    /// A part of a response arrived, or its end. Servers also send notices that nothing waits for.
    pub fn received(&self, is_complete: bool) {
        let mut since = self.lock();
        *since = since.filter(|_| !is_complete).map(|_| Instant::now());
    }

    fn silence(&self) -> Duration {
        self.lock().map(|since| since.elapsed()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Identifies the server process of a connection: a restarted or another server has another start time.
pub async fn server_of(connection: &mut AsyncPgConnection) -> QueryResult<String> {
    diesel::select(sql::<Text>("pg_postmaster_start_time()::text")).get_result(connection).await
}

/// Completes when the server of a connection has stopped responding: a response is overdue, and a new connection reaches
/// another server or none. While the same server accepts connections, the statement only takes long.
pub async fn stopped_responding(url: Secret, writes: Writes, server: String, pending: Pending) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    let mut probe_after = SILENCE;
    loop {
        sleep(CHECK_INTERVAL).await;
        let silence = pending.silence();
        if silence < SILENCE {
            probe_after = SILENCE;
        } else if silence >= probe_after {
            if !matches!(timeout(PROBE_TIMEOUT, is_alive(&url, writes, &server)).await, Ok(true)) {
                break;
            }
            probe_after = silence + SILENCE;
        }
    }
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::warn!(left_out, "a connection was closed, because its database stopped responding");
    }
}

async fn is_alive(url: &Secret, writes: Writes, server: &str) -> bool {
    match establish(url.expose(), writes).await {
        Ok(mut connection) => matches!(server_of(&mut connection).await, Ok(found) if found == server),
        // It may reject the connection because it has too many.
        Err(error) => is_response(&error),
    }
}

/// Whether an error is a response of PostgreSQL's.
fn is_response(error: &OpenError) -> bool {
    let causes = successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()).any(|error| error.as_db_error().is_some())
}

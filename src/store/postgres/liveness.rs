//! Detects a server that stopped responding but keeps its connections open, as on a machine whose disks hang. The kernel
//! there still acknowledges what is sent, so no limit of TCP notices.

use std::{
    error::Error,
    iter::successors,
    sync::{Arc, LazyLock, Mutex as SyncMutex, MutexGuard, PoisonError},
    time::Duration,
};

use diesel::{QueryResult, dsl::sql, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use super::connection::{Writes, establish};
use crate::{auth::Secret, store::error::OpenError, telemetry::LogThrottle};

/// How long a response may take before the server is probed. Statements that take longer are rare.
const SILENCE: Duration = Duration::from_secs(3);

/// How often a connection is checked for silence, and how long the result of a probe is used for all connections.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a probe may take. All hosts of the URL have had their turn by then.
const PROBE_TIMEOUT: Duration = Duration::from_millis(2500);

/// How many probes in succession must miss the server of a connection. One may miss it because the network is slow.
const MISSES: u32 = 2;

/// The requests without a response, and when the server was last heard from meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Pending(Arc<SyncMutex<(u32, Option<Instant>)>>);

impl Pending {
    /// This number of requests was sent.
    pub fn sent(&self, requests: u32) {
        if requests > 0 {
            let (pending, since) = &mut *self.lock();
            *pending += requests;
            since.get_or_insert_with(Instant::now);
        }
    }

    /// Bytes arrived that complete this number of responses. Servers also send notices that nothing waits for.
    pub fn received(&self, responses: u32) {
        let (pending, since) = &mut *self.lock();
        *pending = pending.saturating_sub(responses);
        *since = (*pending > 0).then(Instant::now);
    }

    fn silence(&self) -> Duration {
        self.lock().1.map(|since| since.elapsed()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, (u32, Option<Instant>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the requests in a stream of messages to the server, however it is split into writes. Each ends with a Sync, or is
/// a simple query. Several may be sent before the first response.
#[derive(Debug, Default)]
pub struct Requests {
    /// The header of the current message, as far as it was written.
    header: Vec<u8>,
    /// Bytes of the current body that are still to be skipped.
    skip: usize,
    /// The first message of a session has no type.
    has_started: bool,
}

impl Requests {
    pub fn count(&mut self, mut bytes: &[u8]) -> u32 {
        let mut count = 0;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let kind_length = usize::from(self.has_started);
            let taken = (kind_length + 4 - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            let (kind, length) = self.header.split_at(kind_length.min(self.header.len()));
            let Some(length) = length.first_chunk::<4>() else { continue };
            count += u32::from(matches!(kind, b"S" | b"Q"));
            self.skip = (u32::from_be_bytes(*length) as usize).saturating_sub(4);
            self.header.clear();
            self.has_started = true;
        }
        count
    }
}

/// Identifies the server process of a connection: a restarted or another server has another start time.
pub async fn server_of(connection: &mut AsyncPgConnection) -> QueryResult<String> {
    diesel::select(sql::<Text>("pg_postmaster_start_time()::text")).get_result(connection).await
}

/// What a new connection reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reached {
    Server(String),
    /// Some server rejects connections, for example because it has too many.
    Rejection,
    Nothing,
}

/// Probes the database of a URL for all connections to it, at most once in [`CHECK_INTERVAL`].
pub struct Probe {
    url: Secret,
    last: Mutex<Option<(Instant, Reached)>>,
}

impl Probe {
    pub fn new(url: &Secret) -> Arc<Self> {
        Arc::new(Self { url: url.clone(), last: Mutex::default() })
    }

    /// Completes when the server of a connection has stopped responding: a response is overdue, and new connections reach
    /// another server or none. While they reach the same server, the statement only takes long.
    pub async fn stopped_responding(&self, server: String, pending: Pending) {
        static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
        let mut misses = 0;
        while misses < MISSES {
            sleep(CHECK_INTERVAL).await;
            let is_missed = pending.silence() >= SILENCE && !self.reaches(&server).await;
            // The response may have arrived during the probe.
            misses = if is_missed && pending.silence() >= SILENCE { misses + 1 } else { 0 };
        }
        if let Some(left_out) = THROTTLE.allow_line() {
            tracing::warn!(left_out, "a connection was closed, because its database stopped responding");
        }
    }

    async fn reaches(&self, server: &str) -> bool {
        let mut last = self.last.lock().await;
        if last.as_ref().is_none_or(|(probed, _)| probed.elapsed() >= CHECK_INTERVAL) {
            let reached = timeout(PROBE_TIMEOUT, self.connect()).await.unwrap_or(Reached::Nothing);
            *last = Some((Instant::now(), reached));
        }
        match &*last {
            Some((_, Reached::Server(found))) => found == server,
            Some((_, Reached::Rejection)) => true,
            Some((_, Reached::Nothing)) | None => false,
        }
    }

    async fn connect(&self) -> Reached {
        match establish(self.url.expose(), Writes::Required).await {
            Ok(mut connection) => server_of(&mut connection).await.map_or(Reached::Nothing, Reached::Server),
            Err(error) if is_response(&error) => Reached::Rejection,
            Err(_) => Reached::Nothing,
        }
    }
}

/// Whether an error is a response of PostgreSQL's.
fn is_response(error: &OpenError) -> bool {
    let causes = successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    causes.filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()).any(|error| error.as_db_error().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_however_the_stream_is_split() {
        let message = |kind: &[u8], body: &[u8]| {
            let length = u32::try_from(body.len() + 4).unwrap();
            [kind, &length.to_be_bytes(), body].concat()
        };
        let stream = [
            message(b"", b"\0\x03\0\0user\0S\0"),
            message(b"p", b"Secret\0"),
            message(b"P", b"S\0SELECT 1\0\0\0"),
            message(b"S", b""),
            message(b"Q", b"ROLLBACK\0"),
            message(b"B", b"SQSQ"),
            message(b"E", b""),
            message(b"S", b""),
        ]
        .concat();
        for size in 1..=stream.len() {
            let mut requests = Requests::default();
            assert_eq!(stream.chunks(size).map(|piece| requests.count(piece)).sum::<u32>(), 3, "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_is_silent_until_it_has_answered_all_requests() {
        let pending = Pending::default();
        pending.received(1);
        tokio::time::advance(SILENCE).await;
        assert_eq!(pending.silence(), Duration::ZERO, "nothing was requested");
        pending.sent(2);
        tokio::time::advance(SILENCE).await;
        assert_eq!(pending.silence(), SILENCE);
        pending.received(1);
        tokio::time::advance(SILENCE).await;
        assert_eq!(pending.silence(), SILENCE, "the second response is missing");
        pending.received(1);
        assert_eq!(pending.silence(), Duration::ZERO);
    }
}

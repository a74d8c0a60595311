//! A cache of a key set that keeps itself up to date.
//!
//! Stale keys stay in use while they are refreshed in the background. A missing key may be one that the issuer has just
//! created, so the set is read for it immediately. But callers can invent keys, so for missing keys it is read at most once in
//! [`MISS_INTERVAL`], and all waiting requests share one read:
//! - Whatever callers send, the issuer gets at most one request in that time, and one at a time.
//! - A new key is accepted once a read has begun after the issuer published it: after [`MISS_INTERVAL`] and the time of two
//!   reads at most, even if invented keys use up every read.
//! - A request waits for [`MAX_WAIT`] at most, so a slow issuer does not let callers hold connections.

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::Algorithm;
use tokio::{
    sync::{Mutex, OwnedMutexGuard, RwLock},
    task::JoinHandle,
    time::timeout,
};

use super::{
    error::TokenKeyError,
    key_set::{Key, KeySet},
    key_source::{Remote, Source},
};
use crate::auth::rejection::Rejection;

/// The age at which keys in use are refreshed in the background.
const REFRESH_AFTER: Duration = Duration::from_mins(5);

/// The age at which keys are no longer accepted until they have been read again. Bounds the use of a withdrawn key while no
/// tokens arrive or the issuer can't be reached.
const MAX_AGE: Duration = Duration::from_mins(10);

/// The pause after a failed read.
const RETRY_PAUSE: Duration = Duration::from_mins(1);

/// The minimum interval between reads for missing keys. Issuers serve their key sets from caches, for which twelve requests a
/// minute are no burden.
const MISS_INTERVAL: Duration = Duration::from_secs(5);

/// How long a request waits for a read. The same as for API keys.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// A cached key set.
pub struct KeyCache {
    source: Source,
    cached: RwLock<Cached>,
    /// Held while the set is read, so that one read runs at a time. Contains the time of the last read for a missing key.
    reading: Arc<Mutex<Option<Instant>>>,
}

struct Cached {
    keys: KeySet,
    /// When they were read.
    read_at: Instant,
    /// When to refresh them.
    due: Instant,
    /// Why the last read failed, if it did. A missing key may exist then.
    problem: Option<Arc<TokenKeyError>>,
}

impl KeyCache {
    /// Reads a file, which must be valid.
    pub async fn of_file(path: PathBuf) -> Result<Arc<Self>, TokenKeyError> {
        let source = Source::File(path);
        let keys = KeySet::parse(source.read().await?)?;
        Ok(Self::new(
            source,
            Cached { keys, read_at: Instant::now(), due: Instant::now() + REFRESH_AFTER, problem: None },
        ))
    }

    /// Fetches a URL. If that fails, there are no keys at first: servers start in any order.
    pub async fn of_url(remote: Remote) -> Arc<Self> {
        let empty = Cached { keys: KeySet::default(), read_at: Instant::now(), due: Instant::now(), problem: None };
        let cache = Self::new(Source::Url(remote), empty);
        cache.read().await;
        cache
    }

    fn new(source: Source, cached: Cached) -> Arc<Self> {
        Arc::new(Self { source, cached: RwLock::new(cached), reading: Arc::default() })
    }

    /// Finds the key that verifies a token with this header.
    pub async fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Rejection> {
        if !self.is_expired().await {
            let key = self.cached_key(kid, algorithm).await?;
            // Without a `kid`, the token does not refer to a new key.
            if key.is_some() || kid.is_none() {
                self.refresh_if_due().await;
                return self.or_unknown(key).await;
            }
        }
        let timed_out = |_| Err(Rejection::Unavailable(Arc::new(TokenKeyError::BeingRead)));
        timeout(MAX_WAIT, self.find_after_read(kid, algorithm)).await.unwrap_or_else(timed_out)
    }

    /// Finds a key that is missing or expired.
    async fn find_after_read(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Rejection> {
        self.replace_if_expired().await?;
        let mut reading = Arc::clone(&self.reading).lock_owned().await;
        // Another request may have read the key meanwhile.
        let mut key = self.cached_key(kid, algorithm).await?;
        if key.is_none() && kid.is_some() && reading.is_none_or(|last| last.elapsed() >= MISS_INTERVAL) {
            *reading = Some(Instant::now());
            // If the task panics or is cancelled, there are no new keys.
            let _ = self.read_in_background(reading).await;
            key = self.cached_key(kid, algorithm).await?;
        }
        self.or_unknown(key).await
    }

    async fn or_unknown(&self, key: Option<Arc<Key>>) -> Result<Arc<Key>, Rejection> {
        match key {
            Some(key) => Ok(key),
            None => Err(self.unknown().await),
        }
    }

    /// Why a token with a missing key is rejected.
    async fn unknown(&self) -> Rejection {
        match &self.cached.read().await.problem {
            None => Rejection::Invalid("the token is signed with an unknown key"),
            Some(problem) => Rejection::Unavailable(Arc::clone(problem) as _),
        }
    }

    /// Callers must not hold the lock: a second read lock of the same task deadlocks if a writer waits in between.
    async fn cached_key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<Key>>, Rejection> {
        self.cached.read().await.keys.find(kid, algorithm)
    }

    /// Waits for new keys if the cached ones have expired.
    async fn replace_if_expired(self: &Arc<Self>) -> Result<(), Rejection> {
        if !self.is_expired().await {
            return Ok(());
        }
        let reading = Arc::clone(&self.reading).lock_owned().await;
        // After a failed read, wait for the retry pause.
        if self.is_expired().await && self.is_due().await {
            let _ = self.read_in_background(reading).await;
        }
        if self.is_expired().await { Err(self.unknown().await) } else { Ok(()) }
    }

    async fn is_expired(&self) -> bool {
        self.cached.read().await.read_at.elapsed() >= MAX_AGE
    }

    async fn is_due(&self) -> bool {
        self.cached.read().await.due <= Instant::now()
    }

    /// Starts a refresh in the background if one is due.
    async fn refresh_if_due(self: &Arc<Self>) {
        if self.is_due().await
            && let Ok(reading) = Arc::clone(&self.reading).try_lock_owned()
            // Another request may have refreshed it meanwhile.
            && self.is_due().await
        {
            drop(self.read_in_background(reading));
        }
    }

    /// Reads the set in a task of its own, so that a client that disconnects does not cancel it for others.
    fn read_in_background(self: &Arc<Self>, reading: OwnedMutexGuard<Option<Instant>>) -> JoinHandle<()> {
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            cache.read().await;
            drop(reading);
        })
    }

    /// Reads the set. If that fails, keeps the cached keys.
    async fn read(&self) {
        let read = self.source.read().await;
        let mut cached = self.cached.write().await;
        let parsed = match read {
            // Parsing it again would log the skipped keys again.
            Ok(document) if cached.keys.is_of(&document) => Ok(()),
            Ok(document) => KeySet::parse(document).map(|keys| cached.keys = keys),
            Err(error) => Err(error),
        };
        match parsed {
            Ok(()) => {
                cached.read_at = Instant::now();
                cached.due = cached.read_at + REFRESH_AFTER;
                cached.problem = None;
            }
            Err(error) => {
                let key_set = &self.source;
                tracing::warn!(%key_set, %error, "cannot read the keys of customer tokens");
                cached.due = Instant::now() + RETRY_PAUSE;
                cached.problem = Some(Arc::new(error));
            }
        }
    }
}

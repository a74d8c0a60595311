//! Keeps a key set at hand and up to date.
//!
//! Keys that have grown old serve on while they are read anew. A key that is not there may be one that the issuer has
//! just made, so the set is read for it immediately. But anybody can name a key that does not exist, so for such keys it is
//! read at most once in [`LOOK_UP_PAUSE`], and all who wait share one reading:
//! - Whatever callers send, the issuer gets at most one request in that time, and one at a time.
//! - A new key is accepted as soon as one reading has begun after the issuer published it: after [`LOOK_UP_PAUSE`] and the
//!   time of two readings at most, even if made-up keys use up every reading.
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
    error::UnusableKeys,
    key_set::{Key, KeySet},
    key_source::{Remote, Source},
};
use crate::auth::Rejection;

/// How old keys may grow before they are read anew, in the background, when they are next asked for.
const MAX_AGE: Duration = Duration::from_mins(5);

/// How old keys may be and still be believed, such as one that the issuer has withdrawn while nobody asked, or while it
/// could not be reached. Older ones are nobody's until they were read again.
const BELIEVED: Duration = Duration::from_mins(10);

/// How long to wait between a reading that failed and the next.
const PAUSE: Duration = Duration::from_mins(1);

/// How long to wait between readings for keys that are not there. Issuers serve their key sets from caches, which twelve
/// requests a minute do not burden.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(5);

/// How long a request waits for a reading, as long as for API keys.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// A key set at hand.
pub struct KeyCache {
    source: Source,
    held: RwLock<Held>,
    /// Whoever reads the set holds this, so that there is one at a time. In it: when the latest reading began for the sake
    /// of a key that was not there.
    reading: Arc<Mutex<Option<Instant>>>,
}

struct Held {
    keys: KeySet,
    /// When they were read.
    read: Instant,
    /// When to read the set anew.
    due: Instant,
    /// Why the latest reading failed, if it did. A key that is not there may exist all the same, then.
    problem: Option<Arc<UnusableKeys>>,
}

impl KeyCache {
    /// Reads a file, which must be whole.
    pub async fn of_file(path: PathBuf) -> Result<Arc<Self>, UnusableKeys> {
        let source = Source::File(path);
        let keys = KeySet::parse(source.read().await?)?;
        Ok(Self::new(source, Held { keys, read: Instant::now(), due: Instant::now() + MAX_AGE, problem: None }))
    }

    /// Asks a URL. If it does not answer, there are no keys yet: servers are started in any order.
    pub async fn of_url(remote: Remote) -> Arc<Self> {
        let held = Held { keys: KeySet::default(), read: Instant::now(), due: Instant::now(), problem: None };
        let cache = Self::new(Source::Url(remote), held);
        cache.read().await;
        cache
    }

    fn new(source: Source, held: Held) -> Arc<Self> {
        Arc::new(Self { source, held: RwLock::new(held), reading: Arc::default() })
    }

    /// The key that a token says it was signed with.
    pub async fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Rejection> {
        if !self.is_too_old().await {
            let key = self.held_key(kid, algorithm).await?;
            // A token that names no key names none that could be new.
            if key.is_some() || kid.is_none() {
                self.keep_fresh().await;
                return self.or_unknown(key).await;
            }
        }
        let late = |_| Err(Rejection::Unavailable(Arc::new(UnusableKeys::BeingRead)));
        timeout(MAX_WAIT, self.find_anew(kid, algorithm)).await.unwrap_or_else(late)
    }

    /// Looks for a key that is not held, or not believed any more.
    async fn find_anew(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Rejection> {
        self.renew_what_is_too_old().await?;
        let mut reading = Arc::clone(&self.reading).lock_owned().await;
        // Whoever read the set meanwhile may have brought the key.
        let mut key = self.held_key(kid, algorithm).await?;
        if key.is_none() && kid.is_some() && reading.is_none_or(|last| last.elapsed() >= LOOK_UP_PAUSE) {
            *reading = Some(Instant::now());
            // That a task can panic or be cancelled changes nothing: then there are no new keys.
            let _ = self.read_in_background(reading).await;
            key = self.held_key(kid, algorithm).await?;
        }
        self.or_unknown(key).await
    }

    async fn or_unknown(&self, key: Option<Arc<Key>>) -> Result<Arc<Key>, Rejection> {
        match key {
            Some(key) => Ok(key),
            None => Err(self.unknown().await),
        }
    }

    /// What a token is told whose key is not held.
    async fn unknown(&self) -> Rejection {
        match &self.held.read().await.problem {
            None => Rejection::Invalid("the token is signed with an unknown key"),
            Some(problem) => Rejection::Unavailable(Arc::clone(problem) as _),
        }
    }

    /// What is held is locked here and in `is_due`, and not while they are called: who reads twice at a time waits for
    /// ever if somebody waits to write in between.
    async fn held_key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<Key>>, Rejection> {
        self.held.read().await.keys.find(kid, algorithm)
    }

    /// Waits for keys that may be believed, if those that are held may not.
    async fn renew_what_is_too_old(self: &Arc<Self>) -> Result<(), Rejection> {
        if !self.is_too_old().await {
            return Ok(());
        }
        let reading = Arc::clone(&self.reading).lock_owned().await;
        // Not again at once after a reading that failed.
        if self.is_too_old().await && self.is_due().await {
            let _ = self.read_in_background(reading).await;
        }
        if self.is_too_old().await { Err(self.unknown().await) } else { Ok(()) }
    }

    async fn is_too_old(&self) -> bool {
        self.held.read().await.read.elapsed() >= BELIEVED
    }

    async fn is_due(&self) -> bool {
        self.held.read().await.due <= Instant::now()
    }

    /// Has the set read anew if it is time to. Nobody waits for that.
    async fn keep_fresh(self: &Arc<Self>) {
        if self.is_due().await
            && let Ok(reading) = Arc::clone(&self.reading).try_lock_owned()
            // It may have been read just now.
            && self.is_due().await
        {
            drop(self.read_in_background(reading));
        }
    }

    /// Reads the set in a task of its own: a caller who goes away must not end what others wait for.
    fn read_in_background(self: &Arc<Self>, reading: OwnedMutexGuard<Option<Instant>>) -> JoinHandle<()> {
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            cache.read().await;
            drop(reading);
        })
    }

    /// Reads the set. If that fails, the keys stay as they are.
    async fn read(&self) {
        let read = self.source.read().await;
        let mut held = self.held.write().await;
        let parsed = match read {
            // Parsing it again would name the same keys in the log again.
            Ok(document) if held.keys.is_of(&document) => Ok(()),
            Ok(document) => KeySet::parse(document).map(|keys| held.keys = keys),
            Err(error) => Err(error),
        };
        match parsed {
            Ok(()) => {
                held.read = Instant::now();
                held.due = held.read + MAX_AGE;
                held.problem = None;
            }
            Err(error) => {
                let key_set = &self.source;
                tracing::warn!(%key_set, %error, "the keys of customer tokens could not be read");
                held.due = Instant::now() + PAUSE;
                held.problem = Some(Arc::new(error));
            }
        }
    }
}

//! A short-lived cache of API keys.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    auth::api_key::{ApiKey, ApiKeyId, ApiKeyRepository},
    promotions::{OrgId, StoreError, Timestamp},
    service::retry,
};

/// How long a key may be used after its read began. A revoked key is rejected after this time, even if the
/// database is unavailable.
const MAX_AGE: Duration = Duration::from_secs(5);

/// The age at which a key in use is refreshed in the background, so that its callers need not wait.
const REFRESH_AFTER: Duration = Duration::from_secs(3);

/// The minimum interval between two records of a key's use, in milliseconds.
const USE_RECORD_INTERVAL: i64 = 60_000;

/// The keys that were read. Unknown keys are not cached, so its size is bounded by the number of keys in the store.
pub struct Cache {
    repository: Arc<dyn ApiKeyRepository>,
    entries: Mutex<Entries>,
}

type Entries = HashMap<(OrgId, ApiKeyId), Entry>;

struct Entry {
    key: Arc<ApiKey>,
    /// When the read of the key began.
    read_at: Instant,
    /// Whether a refresh is running.
    refreshing: bool,
    /// When a use was last recorded.
    use_recorded: Option<Timestamp>,
}

impl Cache {
    pub fn new(repository: Arc<dyn ApiKeyRepository>) -> Self {
        Self { repository, entries: Mutex::default() }
    }

    pub fn repository(&self) -> &dyn ApiKeyRepository {
        &*self.repository
    }

    /// Whether a key was read before, even if it is too old to be used.
    pub fn contains(&self, org: OrgId, id: ApiKeyId) -> bool {
        self.entries().contains_key(&(org, id))
    }

    /// The key, if it is not too old, and whether this caller has to refresh it. No other caller will.
    pub fn get(&self, org: OrgId, id: ApiKeyId) -> Option<(Arc<ApiKey>, bool)> {
        let mut entries = self.entries();
        let entry = entries.get_mut(&(org, id)).filter(|entry| entry.read_at.elapsed() < MAX_AGE)?;
        let refresh = entry.read_at.elapsed() >= REFRESH_AFTER && !entry.refreshing;
        entry.refreshing |= refresh;
        Some((Arc::clone(&entry.key), refresh))
    }

    /// Reads a key from the store.
    pub async fn read_one(&self, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        Ok(self.read(BTreeSet::from([(org, id)])).await?.remove(&(org, id)))
    }

    /// Reads keys from the store. Leaves out ids that don't exist.
    pub async fn read(
        &self,
        keys: BTreeSet<(OrgId, ApiKeyId)>,
    ) -> Result<HashMap<(OrgId, ApiKeyId), Arc<ApiKey>>, StoreError> {
        let read_at = Instant::now();
        let read = retry(|| self.repository.keys_by_id(&keys)).await?;
        let read: HashMap<_, _> = read.into_iter().map(|key| ((key.org, key.id), Arc::new(key))).collect();
        let mut entries = self.entries();
        for id in keys {
            let previous = entries.get(&id);
            if previous.is_some_and(|previous| previous.read_at > read_at) {
                // A read that began later finished first.
                continue;
            }
            let Some(key) = read.get(&id) else {
                entries.remove(&id);
                continue;
            };
            let use_recorded = previous.and_then(|entry| entry.use_recorded).max(key.last_used_on);
            entries.insert(id, Entry { key: Arc::clone(key), read_at, refreshing: false, use_recorded });
        }
        Ok(read)
    }

    /// Lets the next caller try the refresh again.
    pub fn refresh_failed(&self, org: OrgId, id: ApiKeyId) {
        self.entries().entry((org, id)).and_modify(|entry| entry.refreshing = false);
    }

    /// Whether the caller has to record the use of a key now. If so, it counts as recorded.
    pub fn claim_use_record(&self, key: &ApiKey, now: Timestamp) -> bool {
        let mut entries = self.entries();
        let is_due = |last: Timestamp| now.millis() - last.millis() >= USE_RECORD_INTERVAL;
        let due = entries.get_mut(&(key.org, key.id)).filter(|entry| entry.use_recorded.is_none_or(is_due));
        due.is_some_and(|entry| {
            entry.use_recorded = Some(now);
            true
        })
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

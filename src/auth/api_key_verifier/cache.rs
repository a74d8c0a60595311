//! The API keys that were read, for some seconds.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    auth::{ApiKey, ApiKeyId, ApiKeyRepository},
    promotions::{OrgId, StoreError, Timestamp},
    service::retry,
};

/// How long a key is believed after it was asked for: a revoked one is refused after this time, whatever else happens.
const BELIEVED: Duration = Duration::from_secs(5);

/// When a key that is in use is asked for anew, so that its users need not wait for it.
const RENEWED_AFTER: Duration = Duration::from_secs(3);

/// How often the use of a key is noted, at most.
const NOTED_EVERY_MILLIS: i64 = 60_000;

/// The keys that were read. There are never more than the store has.
pub struct Cache {
    repository: Arc<dyn ApiKeyRepository>,
    known: Mutex<HashMap<(OrgId, ApiKeyId), Known>>,
}

struct Known {
    key: Arc<ApiKey>,
    /// When the database was asked for it.
    asked: Instant,
    /// Whether it is being asked for anew.
    being_renewed: bool,
    noted: Option<Timestamp>,
}

impl Cache {
    pub fn new(repository: Arc<dyn ApiKeyRepository>) -> Self {
        Self { repository, known: Mutex::default() }
    }

    pub fn repository(&self) -> &dyn ApiKeyRepository {
        &*self.repository
    }

    /// Whether a key was read before, however long ago.
    pub fn contains(&self, org: OrgId, id: ApiKeyId) -> bool {
        self.known().contains_key(&(org, id))
    }

    /// The key, if it is still to be believed, and whether the caller must renew it, which no other caller will.
    pub fn believed(&self, org: OrgId, id: ApiKeyId) -> Option<(Arc<ApiKey>, bool)> {
        let mut all = self.known();
        let known = all.get_mut(&(org, id)).filter(|known| known.asked.elapsed() < BELIEVED)?;
        let renew = known.asked.elapsed() >= RENEWED_AFTER && !known.being_renewed;
        known.being_renewed |= renew;
        Some((Arc::clone(&known.key), renew))
    }

    /// Reads a key.
    pub async fn read_one(&self, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        Ok(self.read(BTreeSet::from([(org, id)])).await?.remove(&(org, id)))
    }

    /// Reads keys. Returns those that there are.
    pub async fn read(
        &self,
        keys: BTreeSet<(OrgId, ApiKeyId)>,
    ) -> Result<HashMap<(OrgId, ApiKeyId), Arc<ApiKey>>, StoreError> {
        let asked = Instant::now();
        let read = retry(|| self.repository.keys_by_id(&keys)).await?;
        let read: HashMap<_, _> = read.into_iter().map(|key| ((key.org, key.id), Arc::new(key))).collect();
        let mut all = self.known();
        for name in keys {
            let before = all.get(&name);
            if before.is_some_and(|before| before.asked > asked) {
                // Someone who asked later was told sooner.
                continue;
            }
            let Some(key) = read.get(&name) else {
                all.remove(&name);
                continue;
            };
            let noted = before.and_then(|known| known.noted).max(key.last_used_on);
            all.insert(name, Known { key: Arc::clone(key), asked, being_renewed: false, noted });
        }
        Ok(read)
    }

    /// The next caller is to try it again.
    pub fn renewal_failed(&self, org: OrgId, id: ApiKeyId) {
        self.known().entry((org, id)).and_modify(|known| known.being_renewed = false);
    }

    /// Whether the use of a key is to be noted now. If so, it counts as noted.
    pub fn is_use_to_be_noted(&self, key: &ApiKey, now: Timestamp) -> bool {
        let mut all = self.known();
        let known = all
            .get_mut(&(key.org, key.id))
            .filter(|known| known.noted.is_none_or(|noted| now.millis() - noted.millis() >= NOTED_EVERY_MILLIS));
        known.is_some_and(|known| {
            known.noted = Some(now);
            true
        })
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.known().len()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(OrgId, ApiKeyId), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

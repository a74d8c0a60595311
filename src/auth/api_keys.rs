//! Checks API keys that callers show.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{ApiKey, ApiKeyId, ApiKeyRepository, Credential, Principal, Rejection, ShownKey};
use crate::promotions::{Clock, OrgId, StoreError, Timestamp};

/// How long a key is believed after it was asked for: a revoked one is refused after this time, whatever else happens.
const BELIEVED: Duration = Duration::from_secs(5);

/// When a key that is in use is asked for anew, so that its users need not wait for it.
const RENEWED_AFTER: Duration = Duration::from_secs(3);

/// How often the use of a key is noted, at most.
const NOTED_EVERY_MILLIS: i64 = 60_000;

/// How many keys that nobody has seen may be looked up at once, and how many that are known: who tries out keys can't
/// keep the database busy, nor those who have one waiting.
const LOOKUPS: usize = 2;

/// How long a caller waits for a key to be looked up. A database that does not answer must not keep the turns.
const PATIENCE: Duration = Duration::from_secs(2);

/// Checks API keys. What it reads it keeps for some seconds; there are never more of those than keys.
pub struct ApiKeys {
    repository: Arc<dyn ApiKeyRepository>,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<(OrgId, ApiKeyId), Known>>,
    lookups: Semaphore,
    renewals: Semaphore,
}

struct Known {
    key: Arc<ApiKey>,
    /// When the database was asked for it.
    asked: Instant,
    /// Whether it is being asked for anew.
    being_renewed: bool,
    noted: Option<Timestamp>,
}

impl ApiKeys {
    /// Checks the keys of a store.
    #[must_use]
    pub fn new(repository: Arc<dyn ApiKeyRepository>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (lookups, renewals) = (Semaphore::new(LOOKUPS), Semaphore::new(LOOKUPS));
        Arc::new(Self { repository, clock, known: Mutex::default(), lookups, renewals })
    }

    /// Whose key this is.
    pub async fn verify(self: &Arc<Self>, credential: &str) -> Result<Principal, Rejection> {
        let shown = ShownKey::parse(credential).ok_or(Rejection::Invalid("the API key is damaged"))?;
        let key = self.find(shown.org, shown.id).await?.ok_or(Rejection::Invalid("there is no such API key"))?;
        let now = self.clock.now();
        key.check(&shown, now).map_err(Rejection::Invalid)?;
        self.note_use(&key, now);
        Ok(Principal { org: key.org, role: key.role.into(), credential: Credential::ApiKey(key.id) })
    }

    /// The key, as it was some seconds ago at the most.
    async fn find(self: &Arc<Self>, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        if let Some(key) = self.believed(org, id) {
            return Ok(Some(key));
        }
        let was_known = self.known().contains_key(&(org, id));
        let turns = if was_known { &self.renewals } else { &self.lookups };
        let looked_up = timeout(PATIENCE, async {
            let _turn = turns.acquire().await;
            // Whoever had the turn before may have read it.
            match self.believed(org, id) {
                Some(key) => Ok(Some(key)),
                None => self.read(org, id).await,
            }
        });
        looked_up.await.unwrap_or(Err(StoreError::Overloaded))
    }

    /// What is known of a key and still to be believed.
    fn believed(self: &Arc<Self>, org: OrgId, id: ApiKeyId) -> Option<Arc<ApiKey>> {
        let mut all = self.known();
        let known = all.get_mut(&(org, id)).filter(|known| known.asked.elapsed() < BELIEVED)?;
        if known.asked.elapsed() >= RENEWED_AFTER && !known.being_renewed {
            known.being_renewed = true;
            let keys = Arc::clone(self);
            // In a task of its own, which no caller who goes away can stop.
            tokio::spawn(async move {
                if let Err(error) = keys.read(org, id).await {
                    tracing::warn!(%error, key = %id.get(), "an API key could not be read anew");
                    keys.known().entry((org, id)).and_modify(|known| known.being_renewed = false);
                }
            });
        }
        Some(Arc::clone(&known.key))
    }

    async fn read(&self, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let asked = Instant::now();
        let key = self.repository.key(org, id).await?.map(Arc::new);
        let mut all = self.known();
        let before = all.get(&(org, id));
        if before.is_some_and(|before| before.asked > asked) {
            // Someone who asked later was told sooner.
            return Ok(key);
        }
        let noted = before.and_then(|known| known.noted).max(key.as_ref().and_then(|key| key.last_used_on));
        match &key {
            Some(key) => {
                let known = Known { key: Arc::clone(key), asked, being_renewed: false, noted };
                all.insert((org, id), known);
            }
            None => drop(all.remove(&(org, id))),
        }
        Ok(key)
    }

    /// Notes that a key was used, once a minute, without making its user wait.
    fn note_use(&self, key: &ApiKey, now: Timestamp) {
        match self.known().get_mut(&(key.org, key.id)) {
            Some(known) if known.noted.is_none_or(|noted| now.millis() - noted.millis() >= NOTED_EVERY_MILLIS) => {
                known.noted = Some(now);
            }
            _ => return,
        }
        let (repository, org, id) = (Arc::clone(&self.repository), key.org, key.id);
        tokio::spawn(async move {
            if let Err(error) = repository.key_used(org, id, now).await {
                tracing::warn!(%error, key = %id.get(), "the use of an API key could not be noted");
            }
        });
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(OrgId, ApiKeyId), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use tokio::time::sleep;

    use super::*;
    use crate::{
        auth::{KeyRole, Secret},
        promotions::SystemClock,
    };

    /// A store of one key that can be revoked, and can stop to answer.
    struct OneKey {
        key: Mutex<ApiKey>,
        hangs: AtomicBool,
    }

    #[async_trait]
    impl ApiKeyRepository for OneKey {
        async fn create_key(&self, _: &ApiKey) -> Result<bool, StoreError> {
            Err(StoreError::Overloaded)
        }

        async fn key(&self, _: OrgId, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
            if self.hangs.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            Ok(Some(self.key.lock().unwrap().clone()).filter(|key| key.id == id))
        }

        async fn keys(&self, _: OrgId) -> Result<Vec<ApiKey>, StoreError> {
            Ok(Vec::new())
        }

        async fn revoke_key(&self, _: OrgId, _: ApiKeyId, _: Timestamp) -> Result<Option<ApiKey>, StoreError> {
            Ok(None)
        }

        async fn key_used(&self, _: OrgId, _: ApiKeyId, _: Timestamp) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn one_key() -> (Arc<OneKey>, Arc<ApiKeys>, Secret) {
        let org = 1.try_into().unwrap();
        let (key, text) = ApiKey::generate(org, KeyRole::Admin, String::new(), SystemClock.now(), None).unwrap();
        let store = Arc::new(OneKey { key: Mutex::new(key), hangs: AtomicBool::new(false) });
        let keys = ApiKeys::new(Arc::clone(&store) as _, Arc::new(SystemClock));
        (store, keys, text)
    }

    fn revoke(store: &OneKey) {
        store.key.lock().unwrap().revoked_on = Some(SystemClock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_key_in_use_ends_within_five_seconds() {
        let (store, keys, text) = one_key();
        assert!(keys.verify(text.expose()).await.is_ok());
        revoke(&store);
        for _ in 0..49 {
            sleep(Duration::from_millis(100)).await;
            let _ = keys.verify(text.expose()).await;
        }
        sleep(Duration::from_millis(101)).await;
        assert!(matches!(keys.verify(text.expose()).await, Err(Rejection::Invalid("the API key was revoked"))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_hangs_or_callers_that_go_do_not_keep_a_key_alive() {
        let (store, keys, text) = one_key();
        assert!(keys.verify(text.expose()).await.is_ok());
        revoke(&store);
        store.hangs.store(true, Ordering::Relaxed);
        for _ in 0..50 {
            sleep(Duration::from_millis(100)).await;
            let _ = timeout(Duration::from_millis(1), keys.verify(text.expose())).await;
        }
        for _ in 0..100 {
            let verified = keys.verify(text.expose()).await;
            assert!(matches!(verified, Err(Rejection::Store(_))), "a key is believed that nobody could read");
        }
        store.hangs.store(false, Ordering::Relaxed);
        assert!(matches!(keys.verify(text.expose()).await, Err(Rejection::Invalid("the API key was revoked"))));
    }

    #[tokio::test]
    async fn nothing_is_kept_of_keys_that_there_are_not() {
        let (_, keys, text) = one_key();
        let other = ApiKey::generate(1.try_into().unwrap(), KeyRole::Admin, String::new(), SystemClock.now(), None);
        assert!(keys.verify(other.unwrap().1.expose()).await.is_err());
        assert!(keys.known().is_empty());
        assert!(keys.verify(text.expose()).await.is_ok());
        assert_eq!(keys.known().len(), 1);
    }
}

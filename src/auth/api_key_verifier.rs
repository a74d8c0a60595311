//! Verifies API keys, with a cache in front of the store.

mod cache;
mod lookups;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::{sync::Semaphore, time::timeout};

use self::{
    cache::Cache,
    lookups::{LOOKUP_TIMEOUT, Lookups},
};
use super::{
    api_key::{ApiKey, ApiKeyId, ApiKeyRepository, PresentedKey},
    principal::{Credential, Principal},
    rejection::Rejection,
};
use crate::promotions::{Clock, OrgId, StoreError, Timestamp};

/// Concurrent reads of known keys that have expired from the cache. They don't wait behind lookups of unknown keys.
const MAX_REFRESHES: usize = 2;

/// Verifies API keys. Caches the keys that it reads for a few seconds; unknown keys take no memory.
pub struct ApiKeyVerifier {
    cache: Arc<Cache>,
    clock: Arc<dyn Clock>,
    lookups: Lookups,
    refreshes: Semaphore,
}

impl ApiKeyVerifier {
    /// Starts to verify the keys of a store.
    #[must_use]
    pub fn start(repository: Arc<dyn ApiKeyRepository>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let cache = Arc::new(Cache::new(repository));
        let lookups = Lookups::start(Arc::clone(&cache));
        Arc::new(Self { cache, clock, lookups, refreshes: Semaphore::new(MAX_REFRESHES) })
    }

    /// Returns the caller with this key.
    pub async fn verify(&self, credential: &str) -> Result<Principal, Rejection> {
        let presented = PresentedKey::parse(credential).ok_or(Rejection::Invalid("the API key is malformed"))?;
        let key = self.find(presented.org, presented.id).await?;
        let key = key.ok_or(Rejection::Invalid("the API key does not exist"))?;
        let now = self.clock.now();
        key.check(&presented, now)?;
        self.record_use(&key, now);
        Ok(Principal { org: key.org, role: key.role.into(), credential: Credential::ApiKey(key.id) })
    }

    /// Finds a key, as it is now or was a few seconds ago.
    async fn find(&self, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        if let Some(key) = self.cached(org, id) {
            return Ok(Some(key));
        }
        let read = async {
            if !self.cache.contains(org, id) {
                return self.lookups.find(org, id).await;
            }
            let _permit = self.refreshes.acquire().await;
            // Another caller may have refreshed it meanwhile.
            match self.cached(org, id) {
                Some(key) => Ok(Some(key)),
                None => self.cache.read_one(org, id).await,
            }
        };
        timeout(LOOKUP_TIMEOUT, read).await.unwrap_or(Err(StoreError::Overloaded))
    }

    /// The cached key, if it is fresh enough. Starts a refresh if one is due.
    fn cached(&self, org: OrgId, id: ApiKeyId) -> Option<Arc<ApiKey>> {
        let (key, refresh) = self.cache.get(org, id)?;
        if refresh {
            self.refresh(org, id);
        }
        Some(key)
    }

    /// Reads a key again, in a task of its own, so that a client that disconnects does not cancel it.
    fn refresh(&self, org: OrgId, id: ApiKeyId) {
        let cache = Arc::clone(&self.cache);
        tokio::spawn(async move {
            if let Err(error) = cache.read_one(org, id).await {
                tracing::warn!(%error, key = %id.get(), "cannot refresh an API key");
                cache.refresh_failed(org, id);
            }
        });
    }

    /// Records the use of a key, at most once a minute, without delaying the request.
    fn record_use(&self, key: &ApiKey, now: Timestamp) {
        if !self.cache.claim_use_record(key, now) {
            return;
        }
        let (cache, org, id) = (Arc::clone(&self.cache), key.org, key.id);
        tokio::spawn(async move {
            if let Err(error) = cache.repository().key_used(org, id, now).await {
                tracing::warn!(%error, key = %id.get(), "cannot record the use of an API key");
            }
        });
    }
}

//! Checks API keys that callers show.

mod cache;
mod look_ups;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

use self::{cache::Cache, look_ups::LookUps};
use super::{ApiKey, ApiKeyId, ApiKeyRepository, Credential, Principal, Rejection, ShownKey};
use crate::promotions::{Clock, OrgId, StoreError, Timestamp};

/// How many known keys may be read anew at the same time. They do not wait behind keys that were never seen.
const RENEWALS: usize = 2;

/// How long a caller waits for a key to be looked up. A database that does not answer must not keep the turns.
const PATIENCE: Duration = Duration::from_secs(2);

/// Checks API keys. What it reads it keeps for some seconds; there are never more of those than keys.
pub struct ApiKeyVerifier {
    cache: Arc<Cache>,
    clock: Arc<dyn Clock>,
    look_ups: LookUps,
    renewals: Semaphore,
}

impl ApiKeyVerifier {
    /// Starts to check the keys of a store.
    #[must_use]
    pub fn start(repository: Arc<dyn ApiKeyRepository>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let cache = Arc::new(Cache::new(repository));
        let look_ups = LookUps::start(Arc::clone(&cache));
        Arc::new(Self { cache, clock, look_ups, renewals: Semaphore::new(RENEWALS) })
    }

    /// Whose key this is.
    pub async fn verify(&self, credential: &str) -> Result<Principal, Rejection> {
        let shown = ShownKey::parse(credential).ok_or(Rejection::Invalid("the API key is damaged"))?;
        let key = self.find(shown.org, shown.id).await?.ok_or(Rejection::Invalid("there is no such API key"))?;
        let now = self.clock.now();
        key.check(&shown, now).map_err(Rejection::Invalid)?;
        self.note_use(&key, now);
        Ok(Principal { org: key.org, role: key.role.into(), credential: Credential::ApiKey(key.id) })
    }

    /// The key, as it was some seconds ago at the most.
    async fn find(&self, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        if let Some(key) = self.believed(org, id) {
            return Ok(Some(key));
        }
        let read = async {
            if !self.cache.contains(org, id) {
                return self.look_ups.look_up(org, id).await;
            }
            let _turn = self.renewals.acquire().await;
            // Whoever had the turn before may have read it.
            match self.believed(org, id) {
                Some(key) => Ok(Some(key)),
                None => self.cache.read_one(org, id).await,
            }
        };
        timeout(PATIENCE, read).await.unwrap_or(Err(StoreError::Overloaded))
    }

    /// What is known of a key and still to be believed.
    fn believed(&self, org: OrgId, id: ApiKeyId) -> Option<Arc<ApiKey>> {
        let (key, renew) = self.cache.believed(org, id)?;
        if renew {
            self.renew(org, id);
        }
        Some(key)
    }

    /// Reads a key anew, in a task of its own, which no caller who goes away can stop.
    fn renew(&self, org: OrgId, id: ApiKeyId) {
        let cache = Arc::clone(&self.cache);
        tokio::spawn(async move {
            if let Err(error) = cache.read_one(org, id).await {
                tracing::warn!(%error, key = %id.get(), "an API key could not be read anew");
                cache.renewal_failed(org, id);
            }
        });
    }

    /// Notes that a key was used, once a minute, without making its user wait.
    fn note_use(&self, key: &ApiKey, now: Timestamp) {
        if !self.cache.is_use_to_be_noted(key, now) {
            return;
        }
        let (cache, org, id) = (Arc::clone(&self.cache), key.org, key.id);
        tokio::spawn(async move {
            if let Err(error) = cache.repository().key_used(org, id, now).await {
                tracing::warn!(%error, key = %id.get(), "the use of an API key could not be noted");
            }
        });
    }
}

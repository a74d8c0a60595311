//! The store of API keys.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{key::ApiKey, presented::ApiKeyId};
use crate::promotions::{Attribution, OrgId, StoreError, Timestamp};

/// The store of API keys. Creating and revoking a key record an event in the same transaction.
#[async_trait]
pub trait ApiKeyRepository: Send + Sync + 'static {
    /// Adds a key, and its organisation if that is new. Returns whether the organisation is new.
    async fn create_key(&self, key: &ApiKey, by: &Attribution) -> Result<bool, StoreError>;

    /// The keys with these ids, of any organisations, in any order. Leaves out ids that don't exist.
    async fn keys_by_id(&self, keys: &BTreeSet<(OrgId, ApiKeyId)>) -> Result<Vec<ApiKey>, StoreError>;

    /// All keys of an organisation, oldest first.
    async fn keys(&self, org: OrgId) -> Result<Vec<ApiKey>, StoreError>;

    /// Revokes a key; repeating it changes nothing. `None` if there is no such key.
    async fn revoke_key(
        &self,
        org: OrgId,
        id: ApiKeyId,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<ApiKey>, StoreError>;

    /// Records the time of a key's last use.
    async fn key_used(&self, org: OrgId, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError>;
}

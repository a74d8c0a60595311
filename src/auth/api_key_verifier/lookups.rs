//! Lookups of unknown keys. All waiting lookups share one statement, and one statement runs at a time. A caller waits for two
//! statements at most, however many others guess keys, and guesses can't keep the database busy.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::cache::Cache;
use crate::{
    auth::api_key::{ApiKey, ApiKeyId},
    promotions::{OrgId, StoreError},
};

/// The time limit of a lookup. A database that does not respond must not hold the permits.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The maximum number of waiting lookups. A statement for this many takes some 20 ms.
const CAPACITY: usize = 4096;

/// Looks up unknown keys.
pub struct Lookups(mpsc::Sender<Lookup>);

struct Lookup {
    key: (OrgId, ApiKeyId),
    result: oneshot::Sender<Result<Option<Arc<ApiKey>>, StoreError>>,
}

impl Lookups {
    /// Starts the task that looks up keys. It ends when this is dropped.
    pub fn start(cache: Arc<Cache>) -> Self {
        let (sender, mut receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, CAPACITY).await > 0 {
                look_up(&cache, batch.drain(..).filter(|lookup: &Lookup| !lookup.result.is_closed()).collect()).await;
            }
        });
        Self(sender)
    }

    /// Returns the key with this id, or `None` if there is no such key. Fails immediately if too many lookups are waiting.
    pub async fn find(&self, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let (result, receiver) = oneshot::channel();
        self.0.try_send(Lookup { key: (org, id), result }).map_err(|_| StoreError::Overloaded)?;
        receiver.await.unwrap_or_else(|dropped| Err(StoreError::Failed(Arc::new(dropped))))
    }
}

async fn look_up(cache: &Cache, lookups: Vec<Lookup>) {
    let keys = lookups.iter().map(|lookup| lookup.key).collect();
    let read = timeout(LOOKUP_TIMEOUT, cache.read(keys)).await.unwrap_or(Err(StoreError::Overloaded));
    for Lookup { key, result } in lookups {
        // Fails if the client disconnected.
        let _ = result.send(read.as_ref().map(|read| read.get(&key).cloned()).map_err(Clone::clone));
    }
}

//! Look-ups of keys that were never seen. All that wait share one statement, and one is under way at a time: a caller
//! waits for two statements at most, however many others guess keys, and guesses can't keep the database busy.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{PATIENCE, cache::Cache};
use crate::{
    auth::{ApiKey, ApiKeyId},
    promotions::{OrgId, StoreError},
};

/// The look-ups that wait at most. A statement for so many takes some 20 ms.
const CAPACITY: usize = 4096;

/// Looks up keys.
pub struct LookUps(mpsc::Sender<LookUp>);

struct LookUp {
    key: (OrgId, ApiKeyId),
    answer: oneshot::Sender<Result<Option<Arc<ApiKey>>, StoreError>>,
}

impl LookUps {
    /// Starts the task that looks up keys. It ends when this is dropped.
    pub fn start(cache: Arc<Cache>) -> Self {
        let (sender, mut receiver) = mpsc::channel(CAPACITY);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while receiver.recv_many(&mut batch, CAPACITY).await > 0 {
                answer(&cache, batch.drain(..).filter(|look_up: &LookUp| !look_up.answer.is_closed()).collect()).await;
            }
        });
        Self(sender)
    }

    /// The key with this id. `None` if there is no such key.
    pub async fn look_up(&self, org: OrgId, id: ApiKeyId) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(LookUp { key: (org, id), answer }).map_err(|_| StoreError::Overloaded)?;
        answered.await.unwrap_or_else(|dropped| Err(StoreError::Failed(Arc::new(dropped))))
    }
}

async fn answer(cache: &Cache, look_ups: Vec<LookUp>) {
    let keys = look_ups.iter().map(|look_up| look_up.key).collect();
    let read = timeout(PATIENCE, cache.read(keys)).await.unwrap_or(Err(StoreError::Overloaded));
    for LookUp { key, answer } in look_ups {
        // A caller that has gone needs no answer.
        let _ = answer.send(read.as_ref().map(|read| read.get(&key).cloned()).map_err(Clone::clone));
    }
}

//! Reads the keys that are requested concurrently as one batch.

use std::{
    collections::HashMap,
    fmt::Debug,
    future::Future,
    hash::Hash,
    marker::PhantomData,
    slice,
    sync::{Arc, Mutex, PoisonError},
};

use async_graphql::Error;
use dataloader::{BatchFn, cached::Loader};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};

use super::poll_round::next_poll_round;
use crate::{
    graphql::error::{ApiError, log_store_error},
    promotions::{OrgId, StoreError},
    service::PromotionService,
};

/// More keys than a response can have parents: a level is never split.
const MAX_BATCH: usize = 1_000_000;

/// Consecutive poll rounds without a new key after which a batch is read. One is enough for most parents of a level, because
/// fields that wait for a batch cause no rounds; some fields start a little later.
const QUIET_ROUNDS: usize = 4;

/// Values that are read by key, many at a time.
pub trait Source: Send + 'static {
    type Key: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Value: Clone + Send + Sync + 'static;

    /// Reads the values of these keys. Keys without a value are left out.
    fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, StoreError>> + Send;
}

/// How a request reads.
#[derive(Debug, Clone, Copy)]
pub struct LoaderOptions {
    /// Whether values are cached until the request ends.
    pub caches: bool,
    /// Whether keys are collected into batches. A request with a single lookup has nothing to collect.
    pub batches: bool,
}

/// The value of a key, or the error of its batch, which is logged once.
pub type Found<V> = Result<Option<V>, Error>;

type FoundBatch<S> = Arc<HashMap<<S as Source>::Key, Found<<S as Source>::Value>>>;

/// The read of a batch, shared by the fields that wait for it.
type BatchRead<S> = Shared<BoxFuture<'static, FoundBatch<S>>>;

/// A loader for fields that are resolved concurrently.
///
/// The crate `dataloader` finds the keys that are new, reads them and caches the values. Fields do not call it themselves: if
/// the one that reads the batch were dropped because a field beside it failed, the others would never get their values. They
/// share one future, which runs as long as one of them waits for it.
///
/// Without batches none of this is necessary: the key is read immediately.
pub struct BatchLoader<S: Source> {
    reader: BatchReader<S>,
    loader: Loader<S::Key, Found<S::Value>, BatchReader<S>>,
    options: LoaderOptions,
    open: Arc<Mutex<Option<OpenBatch<S>>>>,
}

/// The batch that still accepts keys.
struct OpenBatch<S: Source> {
    keys: Vec<S::Key>,
    read: BatchRead<S>,
}

impl<S: Source> BatchLoader<S> {
    pub fn new(service: &Arc<PromotionService>, org: OrgId, options: LoaderOptions) -> Self {
        let reader = BatchReader { service: Arc::clone(service), org, source: PhantomData };
        let loader = Loader::new(reader.clone()).with_max_batch_size(MAX_BATCH).with_yield_count(0);
        Self { reader, loader, options, open: Arc::default() }
    }

    pub async fn load(&self, key: S::Key) -> Found<S::Value> {
        let keys = slice::from_ref(&key);
        let found = if self.options.batches {
            self.join(keys).await.get(&key).cloned()
        } else {
            self.reader.clone().load(keys).await.remove(&key)
        };
        found.unwrap_or(Ok(None))
    }

    /// Loads the values of several keys, in their order.
    pub async fn load_many(&self, keys: &[S::Key]) -> Result<Vec<Option<S::Value>>, Error> {
        let found =
            if self.options.batches { self.join(keys).await } else { Arc::new(self.reader.clone().load(keys).await) };
        keys.iter().map(|key| found.get(key).cloned().unwrap_or(Ok(None))).collect()
    }

    /// Adds keys to the open batch, or opens one.
    fn join(&self, keys: &[S::Key]) -> BatchRead<S> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = open.get_or_insert_with(|| OpenBatch { keys: Vec::new(), read: self.read_when_quiet() });
        batch.keys.extend_from_slice(keys);
        batch.read.clone()
    }

    /// Closes the open batch once it gets no more keys, and reads it.
    fn read_when_quiet(&self) -> BatchRead<S> {
        // Weak: the open batch holds this future, and would keep itself alive if its request were dropped.
        let (loader, caches, open) = (self.loader.clone(), self.options.caches, Arc::downgrade(&self.open));
        let read = async move {
            let (mut count, mut quiet) = (0, 0);
            while quiet < QUIET_ROUNDS {
                next_poll_round().await;
                let Some(open) = open.upgrade() else { break };
                let open = open.lock().unwrap_or_else(PoisonError::into_inner);
                let now = open.as_ref().map_or(0, |batch| batch.keys.len());
                quiet = if now > count { 0 } else { quiet + 1 };
                count = now;
            }
            let closed = open.upgrade().and_then(|open| open.lock().unwrap_or_else(PoisonError::into_inner).take());
            let keys = closed.map(|batch| batch.keys).unwrap_or_default();
            loop {
                if !caches {
                    loader.clear_all().await;
                }
                // Fails only if another batch that included some of these keys was dropped while it was read.
                if let Ok(found) = loader.try_load_many(keys.clone()).await {
                    break Arc::new(found);
                }
            }
        };
        read.boxed().shared()
    }
}

struct BatchReader<S> {
    service: Arc<PromotionService>,
    org: OrgId,
    source: PhantomData<S>,
}

impl<S> Clone for BatchReader<S> {
    fn clone(&self) -> Self {
        Self { service: Arc::clone(&self.service), org: self.org, source: PhantomData }
    }
}

impl<S: Source> BatchFn<S::Key, Found<S::Value>> for BatchReader<S> {
    async fn load(&mut self, keys: &[S::Key]) -> HashMap<S::Key, Found<S::Value>> {
        let read = S::read(&self.service, self.org, keys).await;
        let mut read = read.inspect_err(log_store_error).map_err(|error| Error::from(ApiError::from(error)));
        let found = |key: &S::Key| read.as_mut().map(|found| found.remove(key)).map_err(|error| error.clone());
        keys.iter().cloned().zip(keys.iter().map(found)).collect()
    }
}

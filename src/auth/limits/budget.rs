//! A token bucket for each of many keys.
//!
//! Each organisation has buckets of its own: the number of keys is bounded per organisation, so that no organisation can
//! make the server forget what another one has spent.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;

use crate::{
    auth::Credential,
    promotions::{CustomerId, OrgId},
};

/// Keys of one organisation that have a bucket. Of more, those used the longest ago start anew, with a full one.
const MAX_KEYS: usize = 16_384;

/// How many tokens of one key may be reserved, though there be more: links under way wait in a queue that all callers
/// share, and one caller must not fill it.
const MAX_RESERVED: u32 = 1024;

/// Whose bucket it is: a credential's, or a credential's for one customer.
pub type Key = (Credential, Option<CustomerId>);

/// A number of tokens per period for each key. A bucket is full at first and holds the tokens of one period.
pub struct Budget {
    capacity: f64,
    per_second: f64,
    buckets: Mutex<HashMap<OrgId, LruCache<Key, Bucket>>>,
}

/// Why no token can be reserved.
#[derive(Debug, PartialEq, Eq)]
pub enum NoTokens {
    /// The others are reserved, and may come back at any moment.
    Reserved,
    /// All are spent. There will be one after this time.
    Spent(Duration),
}

struct Bucket {
    /// Below zero where an operation cost more than there was.
    tokens: f64,
    updated: Instant,
    reserved: u32,
}

impl Budget {
    pub fn new(tokens: NonZeroU32, period: Duration) -> Self {
        let capacity = f64::from(tokens.get());
        Self { capacity, per_second: capacity / period.as_secs_f64(), buckets: Mutex::default() }
    }

    /// Takes one token, or returns how long to wait for it.
    pub fn take(&self, org: OrgId, key: Key) -> Result<(), Duration> {
        self.with(org, key, |bucket| {
            if bucket.tokens < 1.0 {
                return Err(self.time_for(1.0 - bucket.tokens));
            }
            bucket.tokens -= 1.0;
            Ok(())
        })
    }

    /// Takes this many tokens, also more than there are: the key then has to wait until the bucket is out of debt. Takes
    /// none and returns how long that is, if the bucket is in debt already.
    pub fn charge(&self, org: OrgId, key: Key, tokens: u32) -> Result<(), Duration> {
        self.with(org, key, |bucket| {
            if bucket.tokens < 0.0 {
                return Err(self.time_for(-bucket.tokens));
            }
            bucket.tokens -= f64::from(tokens);
            Ok(())
        })
    }

    /// Gives tokens back that were charged.
    pub fn give_back(&self, org: OrgId, key: Key, tokens: u32) {
        self.with(org, key, |bucket| bucket.tokens = (bucket.tokens + f64::from(tokens)).min(self.capacity));
    }

    /// Reserves a token, which will be released.
    pub fn reserve(&self, org: OrgId, key: Key) -> Result<(), NoTokens> {
        self.with(org, key, |bucket| {
            if bucket.reserved >= MAX_RESERVED || (bucket.tokens < 1.0 && bucket.reserved > 0) {
                return Err(NoTokens::Reserved);
            }
            if bucket.tokens < 1.0 {
                return Err(NoTokens::Spent(self.time_for(1.0 - bucket.tokens)));
            }
            bucket.tokens -= 1.0;
            bucket.reserved += 1;
            Ok(())
        })
    }

    /// Releases a token that was reserved: it is spent, or comes back.
    pub fn release(&self, org: OrgId, key: Key, comes_back: bool) {
        let mut orgs = self.lock();
        let Some(buckets) = orgs.get_mut(&org) else { return };
        // It is not there if it had to make room for others.
        let Some(bucket) = buckets.get_mut(&key) else { return };
        self.refill(bucket);
        bucket.reserved = bucket.reserved.saturating_sub(1);
        if comes_back {
            bucket.tokens = (bucket.tokens + 1.0).min(self.capacity);
        }
        if self.is_full(bucket) {
            buckets.pop(&key);
            if buckets.is_empty() {
                orgs.remove(&org);
            }
        }
    }

    fn with<T>(&self, org: OrgId, key: Key, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut orgs = self.lock();
        let buckets = orgs.entry(org).or_insert_with(LruCache::unbounded);
        if buckets.len() >= MAX_KEYS && !buckets.contains(&key) {
            buckets.pop_lru();
        }
        let full = || Bucket { tokens: self.capacity, updated: Instant::now(), reserved: 0 };
        let bucket = buckets.get_or_insert_mut(key, full);
        self.refill(bucket);
        change(bucket)
    }

    fn refill(&self, bucket: &mut Bucket) {
        let now = Instant::now();
        // What is reserved may come back.
        let most = self.capacity - f64::from(bucket.reserved);
        let grown = bucket.tokens + now.duration_since(bucket.updated).as_secs_f64() * self.per_second;
        (bucket.tokens, bucket.updated) = (grown.min(most), now);
    }

    fn is_full(&self, bucket: &Bucket) -> bool {
        bucket.reserved == 0 && bucket.tokens >= self.capacity
    }

    fn time_for(&self, tokens: f64) -> Duration {
        Duration::from_secs_f64(tokens / self.per_second)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrgId, LruCache<Key, Bucket>>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

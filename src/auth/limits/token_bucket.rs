//! Token buckets, one for each key.
//!
//! The number of keys is bounded per organisation, so that no organisation can evict the buckets of another one.

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

/// The maximum number of buckets of an organisation. Beyond it the least recently used one is dropped, and its key starts
/// again with a full bucket.
const MAX_KEYS: usize = 16_384;

/// The maximum number of reserved tokens of one key, even if the bucket holds more. Running links wait in a queue that all
/// callers share, and one caller must not fill it.
const MAX_RESERVED: u32 = 1024;

/// The owner of a bucket: a credential, or a credential with one customer.
pub type Key = (Credential, Option<CustomerId>);

/// Buckets with the same capacity and period. A bucket starts full, holds `capacity` tokens, and refills evenly in one period.
pub struct TokenBuckets {
    capacity: f64,
    per_second: f64,
    buckets: Mutex<HashMap<OrgId, LruCache<Key, Bucket>>>,
}

/// Why no token can be reserved.
#[derive(Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The remaining tokens are reserved, and may be returned at any moment.
    Reserved,
    /// All tokens are spent. The next one arrives after this time.
    Spent(Duration),
}

struct Bucket {
    /// Below zero if an operation cost more than the bucket held.
    tokens: f64,
    updated: Instant,
    reserved: u32,
}

impl TokenBuckets {
    pub fn new(tokens: NonZeroU32, period: Duration) -> Self {
        let capacity = f64::from(tokens.get());
        Self { capacity, per_second: capacity / period.as_secs_f64(), buckets: Mutex::default() }
    }

    /// Takes one token, or returns the time until there is one.
    pub fn take(&self, org: OrgId, key: Key) -> Result<(), Duration> {
        self.with(org, key, |bucket| {
            if bucket.tokens < 1.0 {
                return Err(self.time_for(1.0 - bucket.tokens));
            }
            bucket.tokens -= 1.0;
            Ok(())
        })
    }

    /// Takes this number of tokens, even more than the bucket holds; the bucket is then in debt. If it is in debt already, takes
    /// none and returns the time until it is not.
    pub fn charge(&self, org: OrgId, key: Key, tokens: u32) -> Result<(), Duration> {
        self.with(org, key, |bucket| {
            if bucket.tokens < 0.0 {
                return Err(self.time_for(-bucket.tokens));
            }
            bucket.tokens -= f64::from(tokens);
            Ok(())
        })
    }

    /// Returns charged tokens.
    pub fn refund(&self, org: OrgId, key: Key, tokens: u32) {
        self.with(org, key, |bucket| bucket.tokens = (bucket.tokens + f64::from(tokens)).min(self.capacity));
    }

    /// Reserves a token, which the caller must release.
    pub fn reserve(&self, org: OrgId, key: Key) -> Result<(), Unavailable> {
        self.with(org, key, |bucket| {
            if bucket.reserved >= MAX_RESERVED || (bucket.tokens < 1.0 && bucket.reserved > 0) {
                return Err(Unavailable::Reserved);
            }
            if bucket.tokens < 1.0 {
                return Err(Unavailable::Spent(self.time_for(1.0 - bucket.tokens)));
            }
            bucket.tokens -= 1.0;
            bucket.reserved += 1;
            Ok(())
        })
    }

    /// Releases a reserved token: it is spent, or returns to the bucket.
    pub fn release(&self, org: OrgId, key: Key, is_refunded: bool) {
        let mut orgs = self.lock();
        let Some(buckets) = orgs.get_mut(&org) else { return };
        // It may have been evicted.
        let Some(bucket) = buckets.get_mut(&key) else { return };
        self.refill(bucket);
        bucket.reserved = bucket.reserved.saturating_sub(1);
        if is_refunded {
            bucket.tokens = (bucket.tokens + 1.0).min(self.capacity);
        }
        if self.is_full(bucket) {
            buckets.pop(&key);
            if buckets.is_empty() {
                orgs.remove(&org);
            }
        }
    }

    /// Lowers the tokens to what is left if the bucket is full only after this time.
    pub fn lower(&self, org: OrgId, key: Key, missing: Duration) {
        let left = self.capacity - missing.as_secs_f64() * self.per_second;
        // Links that run have reserved some of them, and may fail.
        self.with(org, key, |bucket| bucket.tokens = bucket.tokens.min(left - f64::from(bucket.reserved)).max(0.0));
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
        // Reserved tokens may be returned.
        let max = self.capacity - f64::from(bucket.reserved);
        let grown = bucket.tokens + now.duration_since(bucket.updated).as_secs_f64() * self.per_second;
        (bucket.tokens, bucket.updated) = (grown.min(max), now);
    }

    fn is_full(&self, bucket: &Bucket) -> bool {
        bucket.reserved == 0 && bucket.tokens >= self.capacity
    }

    /// The time in which this number of tokens is refilled.
    pub fn time_for(&self, tokens: f64) -> Duration {
        Duration::from_secs_f64(tokens / self.per_second)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrgId, LruCache<Key, Bucket>>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

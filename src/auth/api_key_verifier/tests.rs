//! API keys over a scripted store that counts statements, hangs and revokes.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    auth::{KeyRole, Secret},
    promotions::{Attribution, SystemClock},
};

/// A store of one key that can be revoked. It can stop responding.
struct OneKey {
    key: Mutex<ApiKey>,
    hangs: AtomicBool,
    statements: AtomicUsize,
}

/// How long a statement takes.
const STATEMENT: Duration = Duration::from_micros(100);

#[async_trait]
impl ApiKeyRepository for OneKey {
    async fn create_key(&self, _: &ApiKey, _: &Attribution) -> Result<bool, StoreError> {
        Err(StoreError::Overloaded)
    }

    async fn keys_by_id(&self, keys: &BTreeSet<(OrgId, ApiKeyId)>) -> Result<Vec<ApiKey>, StoreError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        sleep(STATEMENT).await;
        let key = self.key.lock().unwrap().clone();
        Ok(Some(key).filter(|key| keys.contains(&(key.org, key.id))).into_iter().collect())
    }

    async fn keys(&self, _: OrgId) -> Result<Vec<ApiKey>, StoreError> {
        Ok(Vec::new())
    }

    async fn revoke_key(
        &self,
        _: OrgId,
        _: ApiKeyId,
        _: &Attribution,
        _: Timestamp,
    ) -> Result<Option<ApiKey>, StoreError> {
        Ok(None)
    }

    async fn key_used(&self, _: OrgId, _: ApiKeyId, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

fn one_key() -> (Arc<OneKey>, Arc<ApiKeyVerifier>, Secret) {
    let org = 1.try_into().unwrap();
    let (key, text) = ApiKey::generate(org, KeyRole::Admin, String::new(), SystemClock.now(), None).unwrap();
    let store =
        Arc::new(OneKey { key: Mutex::new(key), hangs: AtomicBool::new(false), statements: AtomicUsize::new(0) });
    let keys = ApiKeyVerifier::start(Arc::clone(&store) as _, Arc::new(SystemClock));
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
async fn a_hanging_database_or_cancelled_requests_do_not_keep_a_revoked_key_valid() {
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
        assert!(matches!(verified, Err(Rejection::Store(_))), "a key is accepted that could not be read");
    }
    store.hangs.store(false, Ordering::Relaxed);
    assert!(matches!(keys.verify(text.expose()).await, Err(Rejection::Invalid("the API key was revoked"))));
}

#[tokio::test]
async fn unknown_keys_are_not_cached() {
    let (_, keys, text) = one_key();
    let other = ApiKey::generate(1.try_into().unwrap(), KeyRole::Admin, String::new(), SystemClock.now(), None);
    assert!(keys.verify(other.unwrap().1.expose()).await.is_err());
    assert!(keys.cache.len() == 0);
    assert!(keys.verify(text.expose()).await.is_ok());
    assert_eq!(keys.cache.len(), 1);
}

/// A well-formed key that does not exist.
fn guess() -> String {
    let key = ApiKey::generate(1.try_into().unwrap(), KeyRole::Admin, String::new(), SystemClock.now(), None);
    key.unwrap().1.expose().to_owned()
}

#[tokio::test(start_paused = true)]
async fn waiting_lookups_share_one_statement() {
    let (store, keys, text) = one_key();
    let started = Instant::now();
    let guesses: Vec<String> = (0..2000).map(|_| guess()).collect();
    let tried = join_all(guesses.iter().map(|guess| keys.verify(guess)));
    let (tried, verified) = tokio::join!(tried, keys.verify(text.expose()));
    assert!(verified.is_ok() && tried.iter().all(Result::is_err));
    assert!(started.elapsed() < Duration::from_millis(10), "{:?}", started.elapsed());
    assert!(store.statements.load(Ordering::Relaxed) <= 3);
}

#[tokio::test(start_paused = true)]
async fn waiting_lookups_are_bounded_and_a_hanging_one_times_out() {
    let (store, keys, text) = one_key();
    store.hangs.store(true, Ordering::Relaxed);
    let guesses: Vec<String> = (0..5000).map(|_| guess()).collect();
    let started = Instant::now();
    let mut elapsed = join_all(guesses.iter().map(async |guess| {
        assert!(matches!(keys.verify(guess).await, Err(Rejection::Store(StoreError::Overloaded))));
        started.elapsed()
    }))
    .await;
    elapsed.sort();
    assert!(elapsed[800] < Duration::from_millis(1) && elapsed[4999] <= LOOKUP_TIMEOUT + Duration::from_millis(2));
    store.hangs.store(false, Ordering::Relaxed);
    sleep(LOOKUP_TIMEOUT).await;
    assert!(keys.verify(text.expose()).await.is_ok());
}

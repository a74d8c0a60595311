//! When keys are read again.

mod issuer;

use std::net::TcpListener;

use futures_util::future;
use tokio::time;

use self::issuer::{Issuer, Response};
use super::*;

async fn find(cache: &Arc<KeyCache>, kid: &str) -> Result<Arc<Key>, Rejection> {
    cache.find(Some(kid), Algorithm::EdDSA).await
}

/// Advances the time of a cache.
async fn pass(cache: &KeyCache, time: Duration) {
    let mut cached = cache.cached.write().await;
    cached.due -= time;
    cached.read_at -= time;
    drop(cached);
    let mut reading = cache.reading.lock().await;
    *reading = reading.map(|last| last.checked_sub(time).unwrap());
}

/// Waits until the issuer has had this number of requests.
async fn until_requested(issuer: &Issuer, requests: usize) {
    while issuer.requests() < requests {
        time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until no read is running.
async fn until_idle(cache: &KeyCache) {
    drop(cache.reading.lock().await);
}

macro_rules! assert_unknown {
    ($found:expr) => {
        assert!(matches!($found, Err(Rejection::Invalid("the token is signed with an unknown key"))))
    };
}

macro_rules! assert_unavailable {
    ($found:expr) => {
        assert!(matches!($found, Err(Rejection::Unavailable(_))))
    };
}

#[tokio::test]
async fn a_missing_key_is_fetched_immediately_and_then_not_again_for_five_seconds() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    assert!(find(&cache, "1").await.is_ok());
    assert_eq!(issuer.requests(), 1);

    issuer.respond_with(Response::Keys(&["1", "2"]));
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.requests(), 2);

    issuer.respond_with(Response::Keys(&["1", "2", "3"]));
    for _ in 0..10 {
        assert_unknown!(find(&cache, "3").await);
    }
    assert_eq!(issuer.requests(), 2);

    pass(&cache, MISS_INTERVAL).await;
    assert!(find(&cache, "3").await.is_ok());
    assert_unknown!(find(&cache, "4").await);
    assert_eq!(issuer.requests(), 3);
}

#[tokio::test]
async fn invented_keys_neither_flood_the_issuer_nor_block_a_new_key() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    for period in 0..5 {
        for number in 0..100 {
            assert_unknown!(find(&cache, &format!("invented {period} {number}")).await);
        }
        assert_eq!(issuer.requests(), 2 + period, "one read in five seconds, whatever callers send");
        pass(&cache, MISS_INTERVAL).await;
    }
    issuer.respond_with(Response::Keys(&["1", "2"]));
    assert_unknown!(find(&cache, "invented").await);
    assert!(find(&cache, "2").await.is_ok(), "it arrived with the read for another key");
}

#[tokio::test]
async fn no_request_waits_long_for_a_hanging_issuer() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.respond_with(Response::Never);
    let found = time::timeout(Duration::from_secs(4), future::join_all((0..50).map(|_| find(&cache, "2")))).await;
    for found in found.expect("requests wait for two seconds") {
        assert_unavailable!(found);
    }
    assert_eq!(issuer.requests(), 2);
    assert!(find(&cache, "1").await.is_ok());
}

#[tokio::test]
async fn requests_that_wait_for_a_new_key_share_one_read() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.respond_with(Response::KeysAfter(Duration::from_millis(50), &["1", "2"]));
    let found = future::join_all((0..50).map(|_| find(&cache, "2"))).await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn a_cancelled_request_does_not_cancel_the_read() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.respond_with(Response::KeysAfter(Duration::from_millis(100), &["1", "2"]));
    assert!(time::timeout(Duration::from_millis(20), find(&cache, "2")).await.is_err());
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn stale_keys_stay_in_use_while_the_issuer_hangs() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    pass(&cache, Duration::from_secs(299)).await;
    assert!(find(&cache, "1").await.is_ok());
    assert_eq!(issuer.requests(), 1);

    issuer.respond_with(Response::Never);
    pass(&cache, Duration::from_secs(1)).await;
    for _ in 0..10 {
        let found = time::timeout(Duration::from_millis(500), find(&cache, "1")).await;
        assert!(found.is_ok_and(|key| key.is_ok()));
    }
    until_requested(&issuer, 2).await;
    assert!(find(&cache, "1").await.is_ok());
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn stale_keys_are_refreshed_in_the_background() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.respond_with(Response::Keys(&["2"]));
    pass(&cache, REFRESH_AFTER).await;
    assert!(find(&cache, "1").await.is_ok());
    until_idle(&cache).await;
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.requests(), 2);
    assert_unknown!(find(&cache, "1").await);
}

#[tokio::test]
async fn a_withdrawn_key_expires_without_traffic_and_while_the_issuer_is_unreachable() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.respond_with(Response::Keys(&["2"]));
    pass(&cache, MAX_AGE).await;
    assert_unknown!(find(&cache, "1").await);
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.requests(), 3, "for the expired keys, and for the missing one");

    issuer.respond_with(Response::NotFound);
    pass(&cache, MAX_AGE).await;
    for _ in 0..10 {
        assert_unavailable!(find(&cache, "2").await);
    }
    assert_eq!(issuer.requests(), 4);
    issuer.respond_with(Response::Keys(&["2"]));
    pass(&cache, RETRY_PAUSE).await;
    assert!(find(&cache, "2").await.is_ok());
}

#[tokio::test]
async fn a_failed_read_keeps_the_keys_and_is_not_repeated_within_a_minute() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.respond_with(Response::NotFound);
    pass(&cache, REFRESH_AFTER).await;
    for _ in 0..10 {
        assert!(find(&cache, "1").await.is_ok());
        until_idle(&cache).await;
    }
    assert_eq!(issuer.requests(), 2);
    pass(&cache, RETRY_PAUSE).await;
    assert!(find(&cache, "1").await.is_ok());
    until_idle(&cache).await;
    assert_eq!(issuer.requests(), 3);
    // Whether there is a new key is unknown now.
    assert_unavailable!(find(&cache, "2").await);
    assert_unavailable!(find(&cache, "2").await);
    assert_eq!(issuer.requests(), 4);
    issuer.respond_with(Response::Keys(&["1"]));
    pass(&cache, RETRY_PAUSE).await;
    assert_unknown!(find(&cache, "2").await);
    assert_eq!(issuer.requests(), 5);
}

#[tokio::test]
async fn without_keys_tokens_can_not_be_verified_until_the_issuer_responds() {
    for response in [Response::NotFound, Response::Keys(&[]), Response::Redirect, Response::Large] {
        let issuer = Issuer::start(response);
        let cache = issuer.cache().await;
        for _ in 0..10 {
            assert_unavailable!(find(&cache, "1").await);
            assert_unavailable!(cache.find(None, Algorithm::EdDSA).await);
        }
        assert_eq!(issuer.requests(), 2);
        issuer.respond_with(Response::Keys(&["1"]));
        pass(&cache, RETRY_PAUSE).await;
        assert!(find(&cache, "1").await.is_ok());
        assert!(cache.find(None, Algorithm::EdDSA).await.is_ok());
        assert_eq!(issuer.requests(), 3);
    }
}

#[tokio::test]
async fn an_unreachable_issuer_does_not_prevent_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    let cache = KeyCache::of_url(Remote::new(&url).unwrap()).await;
    assert_unavailable!(find(&cache, "1").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_and_replacing_keys_do_not_deadlock() {
    let issuer = Issuer::start(Response::Keys(&["1"]));
    let cache = issuer.cache().await;
    let replaced = Arc::clone(&cache);
    let replacing = tokio::spawn(async move {
        for _ in 0..10_000 {
            replaced.cached.write().await.problem = None;
        }
    });
    let finding = tokio::spawn(async move {
        for _ in 0..10_000 {
            assert!(find(&cache, "1").await.is_ok());
        }
    });
    let both = time::timeout(Duration::from_secs(5), future::try_join(replacing, finding)).await;
    both.expect("there is no deadlock").unwrap();
}

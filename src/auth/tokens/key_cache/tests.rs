//! When keys are read anew, and when not.

mod issuer;

use std::net::TcpListener;

use futures_util::future;
use tokio::time;

use self::issuer::{Answer, Issuer};
use super::*;

async fn find(cache: &Arc<KeyCache>, kid: &str) -> Result<Arc<Key>, Rejection> {
    cache.find(Some(kid), Algorithm::EdDSA).await
}

/// Lets time pass for a cache.
async fn pass(cache: &KeyCache, time: Duration) {
    let mut held = cache.held.write().await;
    held.due -= time;
    held.read -= time;
    drop(held);
    let mut reading = cache.reading.lock().await;
    *reading = reading.map(|last| last.checked_sub(time).unwrap());
}

/// Waits until the server was asked so often.
async fn until_asked(issuer: &Issuer, times: usize) {
    while issuer.asked() < times {
        time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until nobody reads keys.
async fn until_read(cache: &KeyCache) {
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
async fn a_new_key_is_found_at_once_and_others_are_not_asked_for_within_five_seconds() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    assert!(find(&cache, "1").await.is_ok());
    assert_eq!(issuer.asked(), 1);

    issuer.now_answers(Answer::Keys(&["1", "2"]));
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.asked(), 2);

    issuer.now_answers(Answer::Keys(&["1", "2", "3"]));
    for _ in 0..10 {
        assert_unknown!(find(&cache, "3").await);
    }
    assert_eq!(issuer.asked(), 2);

    pass(&cache, LOOK_UP_PAUSE).await;
    assert!(find(&cache, "3").await.is_ok());
    assert_unknown!(find(&cache, "4").await);
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test]
async fn a_flood_of_made_up_keys_neither_floods_the_issuer_nor_keeps_a_new_key_out() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    for period in 0..5 {
        for made_up in 0..100 {
            assert_unknown!(find(&cache, &format!("made up {period} {made_up}")).await);
        }
        assert_eq!(issuer.asked(), 2 + period, "one reading in five seconds, whatever is asked for");
        pass(&cache, LOOK_UP_PAUSE).await;
    }
    issuer.now_answers(Answer::Keys(&["1", "2"]));
    assert_unknown!(find(&cache, "made up").await);
    assert!(find(&cache, "2").await.is_ok(), "it came with the reading for another one");
}

#[tokio::test]
async fn no_request_waits_long_for_an_issuer_that_hangs() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.now_answers(Answer::Never);
    let found = time::timeout(Duration::from_secs(4), future::join_all((0..50).map(|_| find(&cache, "2")))).await;
    for found in found.expect("they wait for two seconds") {
        assert_unavailable!(found);
    }
    assert_eq!(issuer.asked(), 2);
    assert!(find(&cache, "1").await.is_ok());
}

#[tokio::test]
async fn all_who_wait_for_a_new_key_share_one_reading() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.now_answers(Answer::KeysAfter(Duration::from_millis(50), &["1", "2"]));
    let found = future::join_all((0..50).map(|_| find(&cache, "2"))).await;
    assert!(found.iter().all(Result::is_ok));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_end_the_reading() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.now_answers(Answer::KeysAfter(Duration::from_millis(100), &["1", "2"]));
    assert!(time::timeout(Duration::from_millis(20), find(&cache, "2")).await.is_err());
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn old_keys_serve_while_the_issuer_hangs() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    pass(&cache, Duration::from_secs(299)).await;
    assert!(find(&cache, "1").await.is_ok());
    assert_eq!(issuer.asked(), 1);

    issuer.now_answers(Answer::Never);
    pass(&cache, Duration::from_secs(1)).await;
    for _ in 0..10 {
        let found = time::timeout(Duration::from_millis(500), find(&cache, "1")).await;
        assert!(found.is_ok_and(|key| key.is_ok()));
    }
    until_asked(&issuer, 2).await;
    assert!(find(&cache, "1").await.is_ok());
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn old_keys_are_replaced_in_the_background() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.now_answers(Answer::Keys(&["2"]));
    pass(&cache, MAX_AGE).await;
    assert!(find(&cache, "1").await.is_ok());
    until_read(&cache).await;
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.asked(), 2);
    assert_unknown!(find(&cache, "1").await);
}

#[tokio::test]
async fn a_withdrawn_key_ends_however_quiet_it_was_and_though_the_issuer_is_away() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.now_answers(Answer::Keys(&["2"]));
    pass(&cache, BELIEVED).await;
    assert_unknown!(find(&cache, "1").await);
    assert!(find(&cache, "2").await.is_ok());
    assert_eq!(issuer.asked(), 3, "because the keys were too old, and for the one that was not there");

    issuer.now_answers(Answer::NotFound);
    pass(&cache, BELIEVED).await;
    for _ in 0..10 {
        assert_unavailable!(find(&cache, "2").await);
    }
    assert_eq!(issuer.asked(), 4);
    issuer.now_answers(Answer::Keys(&["2"]));
    pass(&cache, PAUSE).await;
    assert!(find(&cache, "2").await.is_ok());
}

#[tokio::test]
async fn a_failed_reading_keeps_the_keys_and_is_not_repeated_within_the_minute() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    issuer.now_answers(Answer::NotFound);
    pass(&cache, MAX_AGE).await;
    for _ in 0..10 {
        assert!(find(&cache, "1").await.is_ok());
        until_read(&cache).await;
    }
    assert_eq!(issuer.asked(), 2);
    pass(&cache, PAUSE).await;
    assert!(find(&cache, "1").await.is_ok());
    until_read(&cache).await;
    assert_eq!(issuer.asked(), 3);
    // Whether there is a new key, nobody can tell now.
    assert_unavailable!(find(&cache, "2").await);
    assert_unavailable!(find(&cache, "2").await);
    assert_eq!(issuer.asked(), 4);
    issuer.now_answers(Answer::Keys(&["1"]));
    pass(&cache, PAUSE).await;
    assert_unknown!(find(&cache, "2").await);
    assert_eq!(issuer.asked(), 5);
}

#[tokio::test]
async fn without_keys_nothing_can_be_told_until_the_issuer_answers() {
    for answer in [Answer::NotFound, Answer::Keys(&[]), Answer::Redirect, Answer::Large] {
        let issuer = Issuer::start(answer);
        let cache = issuer.cache().await;
        for _ in 0..10 {
            assert_unavailable!(find(&cache, "1").await);
            assert_unavailable!(cache.find(None, Algorithm::EdDSA).await);
        }
        assert_eq!(issuer.asked(), 2);
        issuer.now_answers(Answer::Keys(&["1"]));
        pass(&cache, PAUSE).await;
        assert!(find(&cache, "1").await.is_ok());
        assert!(cache.find(None, Algorithm::EdDSA).await.is_ok());
        assert_eq!(issuer.asked(), 3);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_does_not_keep_us_from_starting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    let cache = KeyCache::of_url(Remote::new(&url).unwrap()).await;
    assert_unavailable!(find(&cache, "1").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_and_replacing_keys_do_not_lock_each_other_out() {
    let issuer = Issuer::start(Answer::Keys(&["1"]));
    let cache = issuer.cache().await;
    let replaced = Arc::clone(&cache);
    let replacing = tokio::spawn(async move {
        for _ in 0..10_000 {
            replaced.held.write().await.problem = None;
        }
    });
    let finding = tokio::spawn(async move {
        for _ in 0..10_000 {
            assert!(find(&cache, "1").await.is_ok());
        }
    });
    let both = time::timeout(Duration::from_secs(5), future::try_join(replacing, finding)).await;
    both.expect("nobody waits for ever").unwrap();
}

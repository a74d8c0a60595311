//! Codes that another transaction has locked.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use futures_util::future::join_all;

use super::{
    double::{LOCK_TIMEOUT, LOCK_WAITERS},
    *,
};
use crate::service::batcher::linker::{LOCK_ATTEMPTS, MAX_LOCK_PAUSE};

#[tokio::test(start_paused = true)]
async fn a_locked_code_delays_no_other_and_is_decided_when_it_is_unlocked() {
    let double = Arc::new(Double::default());
    let (batcher, workers) = start(&double);
    let started = Instant::now();
    let locked = join_all((0..10).map(|customer| batcher.link(request("locked", customer))));
    let others = async {
        for number in 0..100 {
            assert!(batcher.link(request(&format!("other-{number}"), 1)).await.is_ok());
        }
        assert!(started.elapsed() < Duration::from_millis(10), "{:?}", started.elapsed());
        sleep(Duration::from_millis(300)).await;
        double.unlocked.store(true, Ordering::Relaxed);
    };
    let (locked, ()) = tokio::join!(locked, others);
    assert!(locked.iter().all(|outcome| matches!(outcome, Ok(Err(Refusal::CodeNotFound)))), "{locked:?}");
    assert!(started.elapsed() < Duration::from_millis(310), "{:?}", started.elapsed());
    assert_eq!(*double.waits.lock().unwrap(), BTreeMap::from([("locked".to_owned(), 1)]), "one transaction waited");
    drop(batcher);
    workers.finished().await;
}

#[tokio::test(start_paused = true)]
async fn links_of_a_code_that_stays_locked_fail_as_contended() {
    let double = Arc::new(Double::default());
    let (batcher, workers) = start(&double);
    let started = Instant::now();
    let first = join_all((0..3).map(|customer| batcher.link(request("locked", customer))));
    let behind = async {
        sleep(Duration::from_millis(100)).await;
        batcher.link(request("locked", 3)).await
    };
    let (first, behind) = tokio::join!(first, behind);
    let contended = |outcome: &_| matches!(outcome, Err(StoreError::Contended(_)));
    assert!(first.iter().all(contended) && contended(&behind), "{first:?} {behind:?}");
    assert!(started.elapsed() < LOCK_TIMEOUT * 3 + Duration::from_millis(100), "{:?}", started.elapsed());
    assert_eq!(double.waits.lock().unwrap()["locked"], LOCK_ATTEMPTS);
    assert!(batcher.link(request("other", 1)).await.is_ok());
    drop(batcher);
    workers.finished().await;
}

#[tokio::test(start_paused = true)]
async fn locked_codes_beyond_the_limit_of_lock_waiters_are_retried_and_then_fail() {
    let double = Arc::new(Double::default());
    let (batcher, workers) = start(&double);
    let codes = ["locked-1", "locked-2", "locked-3", "locked-4"];
    let contended = join_all(codes.map(|code| batcher.link(request(code, 1)))).await;
    assert!(contended.iter().all(|outcome| matches!(outcome, Err(StoreError::Contended(_)))), "{contended:?}");
    let tries = double.batches.lock().unwrap().len();
    assert!((5..30).contains(&tries), "{tries} batches: the pauses grow");
    assert_eq!(double.waits.lock().unwrap().len(), LOCK_WAITERS);

    let started = Instant::now();
    let unlock = async {
        sleep(Duration::from_millis(300)).await;
        double.unlocked.store(true, Ordering::Relaxed);
    };
    let (linked, ()) = tokio::join!(join_all(codes.map(|code| batcher.link(request(code, 2)))), unlock);
    assert!(linked.iter().all(Result::is_ok), "{linked:?}");
    assert!(started.elapsed() <= Duration::from_millis(310) + MAX_LOCK_PAUSE, "{:?}", started.elapsed());
    drop(batcher);
    workers.finished().await;
}

#[tokio::test(start_paused = true)]
async fn links_that_wait_for_a_lock_at_shutdown_complete_before_the_workers_end() {
    let double = Arc::new(Double::default());
    let (batcher, workers) = start(&double);
    let links: Vec<_> = (0..20)
        .map(|number| {
            let batcher = Arc::clone(&batcher);
            tokio::spawn(async move { batcher.link(request(&format!("locked-{}", number % 5), number)).await })
        })
        .collect();
    sleep(Duration::from_millis(50)).await;
    batcher.0.queue.close();
    sleep(Duration::from_millis(50)).await;
    double.unlocked.store(true, Ordering::Relaxed);
    workers.finished().await;
    for link in links {
        assert!(matches!(link.await.unwrap(), Ok(Err(Refusal::CodeNotFound))));
    }
}

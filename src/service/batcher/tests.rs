//! The batcher over a repository that does as it is told.

pub mod double;
mod locks;

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use self::double::{Double, request};
use super::{
    linker::BATCH_TIMEOUT,
    queue::{MAX_BATCH, MAX_WAIT, QUEUE_LENGTH},
    *,
};
use crate::promotions::{OnLocked, Refusal, SystemClock};

fn linker(double: &Arc<Double>) -> Arc<Linker> {
    let repository: Arc<dyn LinkRepository> = double.clone();
    Linker::new(&repository, &(Arc::new(SystemClock) as Arc<dyn Clock>))
}

fn start(double: &Arc<Double>) -> (Arc<Batcher>, Workers) {
    let repository: Arc<dyn LinkRepository> = double.clone();
    let (batcher, workers) = Batcher::start(&repository, &(Arc::new(SystemClock) as Arc<dyn Clock>));
    (Arc::new(batcher), workers)
}

async fn outcomes(codes: &[&str]) -> (Vec<&'static str>, Vec<usize>) {
    let double = Arc::new(Double::default());
    let requests: Vec<_> = codes.iter().map(|code| request(code, 1)).collect();
    let mut answers = Vec::new();
    linker(&double).link_in_parts(&requests, OnLocked::Skip, |part| answers.extend(part)).await;
    let words = answers.iter().map(|answer| match answer {
        Ok(Some(Err(Refusal::CodeNotFound))) => "answered",
        Err(StoreError::Failed(_)) => "failed",
        Err(StoreError::Unavailable(_)) => "away",
        other => panic!("{other:?}"),
    });
    let batches = double.batches.lock().unwrap().clone();
    (words.collect(), batches)
}

#[tokio::test]
async fn a_request_that_cannot_be_written_fails_alone() {
    for bad in ["poison", "panic"] {
        let (answers, _) = outcomes(&["a", "b", bad, "c", "d", "e"]).await;
        assert_eq!(answers, ["answered", "answered", "failed", "answered", "answered", "answered"]);
    }
}

#[tokio::test]
async fn a_batch_is_tried_again_but_not_taken_apart_when_the_database_is_away() {
    assert_eq!(outcomes(&["a", "away", "b"]).await, (vec!["away"; 3], vec![3; 3]));
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_for_too_long_is_told_to_try_again() {
    let double = Arc::new(Double { gate: Some(Semaphore::new(0)), ..Double::default() });
    let (batcher, workers) = start(&double);
    let open_late = async {
        sleep(MAX_WAIT + Duration::from_millis(10)).await;
        double.gate.as_ref().unwrap().add_permits(2);
    };
    let second = async {
        sleep(Duration::from_millis(1)).await;
        batcher.link(request("late", 1)).await
    };
    let third = async {
        sleep(MAX_WAIT).await;
        batcher.link(request("in time", 1)).await
    };
    let (first, late, in_time, ()) = tokio::join!(batcher.link(request("first", 1)), second, third, open_late);
    assert!(first.is_ok() && in_time.is_ok(), "{first:?} {in_time:?}");
    assert!(matches!(late, Err(StoreError::Overloaded)), "{late:?}");
    drop(batcher);
    workers.finished().await;
    assert_eq!(*double.batches.lock().unwrap(), [1, 1], "what came too late was not linked");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_says_nothing_is_given_up() {
    let double = Arc::new(Double { gate: Some(Semaphore::new(0)), ..Double::default() });
    let started = Instant::now();
    let linked = linker(&double).link_once(&[request("a", 1)], OnLocked::Skip).await;
    assert!(matches!(linked, Err(StoreError::Unavailable(_))), "{linked:?}");
    let attempts = u32::try_from(double.batches.lock().unwrap().len()).unwrap();
    assert!(started.elapsed() >= BATCH_TIMEOUT * attempts && attempts > 0);
}

#[tokio::test]
async fn what_waits_shares_a_batch_and_what_is_too_much_is_refused_at_once() {
    let double = Arc::new(Double { gate: Some(Semaphore::new(0)), ..Double::default() });
    let (batcher, workers) = start(&double);
    let link = |code: &'static str| {
        let batcher = Arc::clone(&batcher);
        tokio::spawn(async move { batcher.link(request(code, 1)).await })
    };
    let first = link("first");
    while double.batches.lock().unwrap().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    // Three quarters are one organisation's.
    let most = QUEUE_LENGTH / 4 * 3;
    let waiting: Vec<_> = (0..most).map(|_| link("waiting")).collect();
    while batcher.0.queue.length() < most {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(matches!(batcher.link(request("too much", 1)).await, Err(StoreError::Overloaded)));

    double.gate.as_ref().unwrap().add_permits(QUEUE_LENGTH);
    assert!(first.await.unwrap().is_ok());
    drop(batcher);
    workers.finished().await;
    for answer in waiting {
        assert!(matches!(answer.await.unwrap(), Ok(Err(Refusal::CodeNotFound))), "accepted, so answered");
    }
    let full = most / MAX_BATCH;
    assert_eq!(*double.batches.lock().unwrap(), [vec![1], vec![MAX_BATCH; full]].concat());
}

#[tokio::test(start_paused = true)]
async fn only_batches_that_write_count_as_commits() {
    let double = Arc::new(Double { gate: Some(Semaphore::new(0)), ..Double::default() });
    let (batcher, workers) = start(&double);
    let link = async |code, took| {
        let open = async {
            sleep(Duration::from_millis(took)).await;
            double.gate.as_ref().unwrap().add_permits(1);
        };
        let linked = batcher.link(request(code, 1));
        tokio::join!(linked, open).0.unwrap().is_ok()
    };
    assert!(!link("unknown", 90).await);
    assert_eq!(batcher.slowest_commit(), Duration::ZERO);
    assert!(link("linkable", 40).await && link("linkable", 20).await);
    assert_eq!(batcher.slowest_commit(), Duration::from_millis(40));
    drop(batcher);
    workers.finished().await;
}

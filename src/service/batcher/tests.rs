//! The batcher over a scripted repository.

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
    let mut results = Vec::new();
    linker(&double).link_in_parts(&requests, OnLocked::Skip, |part| results.extend(part)).await;
    let words = results.iter().map(|result| match result {
        Ok(Some(Err(Refusal::CodeNotFound))) => "decided",
        Err(StoreError::Failed(_)) => "failed",
        Err(StoreError::Unavailable(_)) => "unavailable",
        other => panic!("{other:?}"),
    });
    let batches = double.batches.lock().unwrap().clone();
    (words.collect(), batches)
}

#[tokio::test]
async fn a_request_that_cannot_be_written_fails_alone() {
    for bad in ["poison", "panic"] {
        let (words, _) = outcomes(&["a", "b", bad, "c", "d", "e"]).await;
        assert_eq!(words, ["decided", "decided", "failed", "decided", "decided", "decided"]);
    }
}

#[tokio::test]
async fn a_batch_is_retried_whole_when_the_database_is_unavailable() {
    assert_eq!(outcomes(&["a", "unavailable", "b"]).await, (vec!["unavailable"; 3], vec![3; 3]));
}

#[tokio::test(start_paused = true)]
async fn a_link_that_waited_too_long_is_rejected() {
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
    assert_eq!(*double.batches.lock().unwrap(), [1, 1], "the late link was not attempted");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_never_responds_fails_the_batch() {
    let double = Arc::new(Double { gate: Some(Semaphore::new(0)), ..Double::default() });
    let started = Instant::now();
    let linked = linker(&double).link_once(&[request("a", 1)], OnLocked::Skip).await;
    assert!(matches!(linked, Err(StoreError::Unavailable(_))), "{linked:?}");
    let attempts = u32::try_from(double.batches.lock().unwrap().len()).unwrap();
    assert!(started.elapsed() >= BATCH_TIMEOUT * attempts && attempts > 0);
}

#[tokio::test]
async fn waiting_links_share_a_batch_and_excess_links_are_rejected_immediately() {
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
    // One organisation may use three quarters of the queue.
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
    for link in waiting {
        assert!(matches!(link.await.unwrap(), Ok(Err(Refusal::CodeNotFound))), "accepted links are completed");
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

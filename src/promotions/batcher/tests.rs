//! The batcher over a repository that does as it is told.

use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::promotions::{Code, CodeKey, CustomerId, PromotionId, PromotionMode, Refusal, SystemClock, Timestamp};

/// Refuses every code but those that break it.
#[derive(Default)]
struct Double {
    batches: std::sync::Mutex<Vec<usize>>,
    gate: Option<tokio::sync::Semaphore>,
}

#[async_trait]
impl LinkRepository for Double {
    async fn link(&self, requests: &[LinkRequest], _: Timestamp) -> Result<Vec<LinkOutcome>, StoreError> {
        self.batches.lock().unwrap().push(requests.len());
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let is = |word: &str| requests.iter().any(|request| request.key.folded.as_str() == word);
        assert!(!is("panic"), "as asked for");
        if is("poison") {
            return Err(StoreError::Failed(Arc::new(Panicked)));
        }
        if is("away") {
            return Err(StoreError::Unavailable(Arc::new(Panicked)));
        }
        Ok(requests.iter().map(|_| Err(Refusal::CodeNotFound)).collect())
    }

    fn link_workers(&self) -> usize {
        1
    }
}

fn request(code: &str) -> LinkRequest {
    let folded = Code::parse(code).unwrap().into_folded();
    let key = CodeKey { org: 1.try_into().unwrap(), mode: PromotionMode::Discount, folded };
    let customer_id = CustomerId::try_from(1).unwrap();
    LinkRequest { id: PromotionId::new(SystemClock.now()), key, customer_id }
}

async fn outcomes(codes: &[&str]) -> (Vec<&'static str>, Vec<usize>) {
    let double = Double::default();
    let requests: Vec<_> = codes.iter().map(|code| request(code)).collect();
    let answers = link_in_parts(&double, &SystemClock, &requests).await;
    let words = answers.iter().map(|answer| match answer {
        Ok(Err(Refusal::CodeNotFound)) => "answered",
        Err(StoreError::Failed(_)) => "failed",
        Err(StoreError::Unavailable(_)) => "away",
        other => panic!("{other:?}"),
    });
    (words.collect(), double.batches.into_inner().unwrap())
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
    let double = Arc::new(Double { gate: Some(tokio::sync::Semaphore::new(0)), ..Double::default() });
    let repository: Arc<dyn LinkRepository> = double.clone();
    let (batcher, workers) = Batcher::start(&repository, &(Arc::new(SystemClock) as Arc<dyn Clock>));
    let open_late = async {
        tokio::time::sleep(MAX_WAIT + Duration::from_millis(10)).await;
        double.gate.as_ref().unwrap().add_permits(2);
    };
    let second = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        batcher.link(request("late")).await
    };
    let third = async {
        tokio::time::sleep(MAX_WAIT).await;
        batcher.link(request("in time")).await
    };
    let (first, late, in_time, ()) = tokio::join!(batcher.link(request("first")), second, third, open_late);
    assert!(first.is_ok() && in_time.is_ok(), "{first:?} {in_time:?}");
    assert!(matches!(late, Err(StoreError::Overloaded)), "{late:?}");
    drop(batcher);
    workers.finished().await;
    assert_eq!(*double.batches.lock().unwrap(), [1, 1], "what came too late was not linked");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_says_nothing_is_given_up() {
    let double = Double { gate: Some(tokio::sync::Semaphore::new(0)), ..Double::default() };
    let started = Instant::now();
    let linked = link_once(&double, &SystemClock, &[request("a")]).await;
    assert!(matches!(linked, Err(StoreError::Unavailable(_))), "{linked:?}");
    let attempts = u32::try_from(double.batches.lock().unwrap().len()).unwrap();
    assert!(started.elapsed() >= BATCH_TIMEOUT * attempts && attempts > 0);
}

#[tokio::test]
async fn what_waits_shares_a_batch_and_what_is_too_much_is_refused_at_once() {
    let double = Arc::new(Double { gate: Some(tokio::sync::Semaphore::new(0)), ..Double::default() });
    let repository: Arc<dyn LinkRepository> = double.clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (batcher, workers) = Batcher::start(&repository, &clock);
    let batcher = Arc::new(batcher);
    let link = |code: &'static str| {
        let batcher = Arc::clone(&batcher);
        tokio::spawn(async move { batcher.link(request(code)).await })
    };
    let first = link("first");
    while double.batches.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let waiting: Vec<_> = (0..QUEUE_LENGTH).map(|_| link("waiting")).collect();
    while batcher.queue.capacity() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(matches!(batcher.link(request("too much")).await, Err(StoreError::Overloaded)));

    double.gate.as_ref().unwrap().add_permits(QUEUE_LENGTH);
    assert!(first.await.unwrap().is_ok());
    drop(batcher);
    workers.finished().await;
    for answer in waiting {
        assert!(matches!(answer.await.unwrap(), Ok(Err(Refusal::CodeNotFound))), "accepted, so answered");
    }
    let full = QUEUE_LENGTH / MAX_BATCH;
    assert_eq!(*double.batches.lock().unwrap(), [vec![1], vec![MAX_BATCH; full]].concat());
}

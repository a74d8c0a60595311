//! Shares transactions between links that arrive at the same time.
//!
//! A bounded queue, and workers that each take everything that waits and hand it to the repository as one batch. There
//! is no timer: an idle server links a lone request at once, a loaded one shares the cost of a commit among hundreds.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
};

use super::{
    link::{LinkOutcome, LinkRequest},
    repository::{LinkRepository, StoreError},
    time::Clock,
};

/// How many links may wait. At ten thousand links a second this is some 400 ms of work: past it, waiting longer helps
/// nobody.
const QUEUE_LENGTH: usize = 4096;

/// How many links share a transaction at most. Beyond a few hundred the commit is paid for, and a larger batch only
/// holds its locks longer.
const MAX_BATCH: usize = 512;

/// The way in: puts a request into the queue and waits for its answer.
pub struct Batcher {
    queue: mpsc::Sender<Job>,
}

/// The tasks behind a `Batcher`. They end when it is dropped and the queue is empty.
#[must_use = "wait for the workers, or accepted links may be lost when the process ends"]
pub struct Workers(JoinSet<()>);

impl Workers {
    /// Waits until all that was accepted is done.
    pub async fn finished(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

struct Job {
    request: LinkRequest,
    answer: oneshot::Sender<Result<LinkOutcome, StoreError>>,
}

impl Batcher {
    /// Starts as many workers as the repository can use.
    pub fn start(repository: &Arc<dyn LinkRepository>, clock: &Arc<dyn Clock>) -> (Self, Workers) {
        let (queue, jobs) = mpsc::channel(QUEUE_LENGTH);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut tasks = JoinSet::new();
        for _ in 0..repository.link_workers() {
            tasks.spawn(work(Arc::clone(repository), Arc::clone(clock), Arc::clone(&jobs)));
        }
        (Self { queue }, Workers(tasks))
    }

    /// Links one code. Once this has been polled, the link happens even if nobody waits for the answer.
    pub async fn link(&self, request: LinkRequest) -> Result<LinkOutcome, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Job { request, answer }).map_err(|_| StoreError::Overloaded)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Failed(Arc::new(Panicked))))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("linking panicked")]
struct Panicked;

async fn work(repository: Arc<dyn LinkRepository>, clock: Arc<dyn Clock>, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while jobs.lock().await.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let (requests, answers): (Vec<_>, Vec<_>) = batch.drain(..).map(|job| (job.request, job.answer)).unzip();
        let outcomes = link_in_parts(&*repository, &*clock, &requests).await;
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Whoever asked may have gone; the link stands all the same.
            let _ = answer.send(outcome);
        }
    }
}

/// Links a batch; one that fails as a whole is tried again in halves, so that a request that can't be written fails
/// alone. Not so when the database is away: every part would fail alike.
async fn link_in_parts(
    repository: &dyn LinkRepository,
    clock: &dyn Clock,
    requests: &[LinkRequest],
) -> Vec<Result<LinkOutcome, StoreError>> {
    let mut answers = Vec::with_capacity(requests.len());
    let mut parts = vec![requests];
    while let Some(part) = parts.pop() {
        let linked = AssertUnwindSafe(repository.link(part, clock.now())).catch_unwind().await;
        match linked.unwrap_or_else(|_| Err(StoreError::Failed(Arc::new(Panicked)))) {
            Ok(outcomes) => answers.extend(outcomes.into_iter().map(Ok)),
            Err(StoreError::Failed(_) | StoreError::Contended(_)) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(error) => answers.extend(part.iter().map(|_| Err(error.clone()))),
        }
    }
    answers
}

#[cfg(test)]
mod tests {
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
    async fn a_batch_is_not_taken_apart_when_the_database_is_away() {
        assert_eq!(outcomes(&["a", "away", "b"]).await, (vec!["away"; 3], vec![3]));
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
}

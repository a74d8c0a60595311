//! Shares transactions between links that arrive at the same time.
//!
//! A bounded queue, and workers that each take everything that waits and hand it to the repository as one batch. There
//! is no timer: an idle server links a lone request at once, a loaded one shares the cost of a commit among hundreds.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
};

use super::{
    link::{LinkOutcome, LinkRequest},
    repository::{PromotionRepository, StoreError},
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
    /// Starts so many workers.
    pub fn start(repository: &Arc<dyn PromotionRepository>, clock: &Arc<dyn Clock>, workers: usize) -> (Self, Workers) {
        let (queue, jobs) = mpsc::channel(QUEUE_LENGTH);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            tasks.spawn(supervise(Arc::clone(repository), Arc::clone(clock), Arc::clone(&jobs)));
        }
        (Self { queue }, Workers(tasks))
    }

    /// Links one code. Once this has been polled, the link happens even if nobody waits for the answer.
    pub async fn link(&self, request: LinkRequest) -> Result<LinkOutcome, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Job { request, answer }).map_err(|_| StoreError::Overloaded)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Failed(Arc::new(WorkerLost))))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the worker that was linking this code panicked")]
struct WorkerLost;

/// Keeps a worker going: one that panics fails its batch, not the server.
async fn supervise(
    repository: Arc<dyn PromotionRepository>,
    clock: Arc<dyn Clock>,
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
) {
    while let Err(panic) = tokio::spawn(work(Arc::clone(&repository), Arc::clone(&clock), Arc::clone(&jobs))).await {
        tracing::error!(%panic, "a link worker panicked and is started again");
    }
}

async fn work(repository: Arc<dyn PromotionRepository>, clock: Arc<dyn Clock>, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
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

/// Links a batch; one that the database refuses is tried again in halves, so that a request that can't be written
/// fails alone.
async fn link_in_parts(
    repository: &dyn PromotionRepository,
    clock: &dyn Clock,
    requests: &[LinkRequest],
) -> Vec<Result<LinkOutcome, StoreError>> {
    let mut answers = Vec::with_capacity(requests.len());
    let mut parts = vec![requests];
    while let Some(part) = parts.pop() {
        match repository.link(part, clock.now()).await {
            Ok(outcomes) => answers.extend(outcomes.into_iter().map(Ok)),
            Err(StoreError::Failed(_)) if part.len() > 1 => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
            Err(error) => answers.extend(part.iter().map(|_| Err(error.clone()))),
        }
    }
    answers
}

//! Shares transactions between links that arrive at the same time.
//!
//! A bounded queue, and workers that each take everything that waits and hand it to the repository as one batch. There
//! is no timer: an idle server links a lone request at once, a loaded one shares the cost of a commit among hundreds.

mod figures;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use metrics::{Gauge, counter};
use tokio::{
    sync::{Mutex, Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, timeout},
};

use self::figures::Figures;
use super::{
    link::{LinkOutcome, LinkRequest},
    repository::{LinkRepository, StoreError},
    retry::retried_when,
    time::Clock,
};

/// How many links may wait. At ten thousand links a second this is some 400 ms of work: past it, waiting longer helps
/// nobody.
const QUEUE_LENGTH: usize = 4096;

/// How long a link may wait for its turn. Whoever has waited longer is told to try again: in a queue that does not get
/// shorter, all would wait as long.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// How long a batch may take. A database that says nothing for longer, not even that it is gone, would keep a worker.
const BATCH_TIMEOUT: Duration = Duration::from_secs(10);

/// How many links share a transaction at most. Beyond a few hundred the commit is paid for, and a larger batch only
/// holds its locks longer.
const MAX_BATCH: usize = 512;

/// How many batches of a worker may be in the slow lane: taken apart to find the codes in them that another transaction
/// has locked, while the worker goes on with the others.
const SLOW_LANE: usize = 3;

/// How often a link is tried there, alone, before its caller is told to try again later.
const LONE_ATTEMPTS: usize = 3;

/// The way in: puts a request into the queue and waits for its answer.
pub struct Batcher {
    queue: mpsc::Sender<Job>,
    waiting: Gauge,
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

type Answer = oneshot::Sender<Result<LinkOutcome, StoreError>>;

struct Job {
    request: LinkRequest,
    answer: Answer,
    since: Instant,
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
        (Self { queue, waiting: figures::waiting() }, Workers(tasks))
    }

    /// Links one code. Once this has been polled, the link happens even if nobody waits for the answer, unless its turn
    /// comes too late.
    pub async fn link(&self, request: LinkRequest) -> Result<LinkOutcome, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Job { request, answer, since: Instant::now() }).map_err(|_| overloaded())?;
        self.waiting.set(u32::try_from(QUEUE_LENGTH - self.queue.capacity()).unwrap_or(u32::MAX));
        answered.await.unwrap_or_else(|_| Err(StoreError::Failed(Arc::new(Panicked))))
    }
}

fn overloaded() -> StoreError {
    counter!("promolink_refusals_total", "limit" => "queue").increment(1);
    StoreError::Overloaded
}

#[derive(Debug, thiserror::Error)]
#[error("linking panicked")]
struct Panicked;

#[derive(Debug, thiserror::Error)]
#[error("the database did not answer within {} seconds", BATCH_TIMEOUT.as_secs())]
struct Silent;

async fn work(repository: Arc<dyn LinkRepository>, clock: Arc<dyn Clock>, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let slow_lane = Arc::new(Semaphore::new(SLOW_LANE));
    let mut slow = JoinSet::new();
    let mut batch = Vec::with_capacity(MAX_BATCH);
    let figures = Figures::new();
    while take(&jobs, &mut batch, &figures).await {
        let (requests, answers): (Vec<_>, Vec<_>) = batch.drain(..).map(|job| (job.request, job.answer)).unzip();
        let started = Instant::now();
        let linked = link_once(&*repository, &*clock, &requests).await;
        figures.linked(requests.len(), started.elapsed());
        match linked {
            Ok(outcomes) => answer_all(answers, outcomes.into_iter().map(Ok)),
            Err(StoreError::Failed(_)) if requests.len() > 1 => {
                answer_all(answers, link_in_parts(&*repository, &*clock, &requests).await);
            }
            Err(error @ StoreError::Contended(_)) => {
                let Ok(place) = Arc::clone(&slow_lane).try_acquire_owned() else {
                    answer_all(answers, requests.iter().map(|_| Err(error.clone())));
                    continue;
                };
                let (repository, clock) = (Arc::clone(&repository), Arc::clone(&clock));
                slow.spawn(async move {
                    answer_all(answers, link_in_parts(&*repository, &*clock, &requests).await);
                    drop(place);
                });
            }
            Err(error) => answer_all(answers, requests.iter().map(|_| Err(error.clone()))),
        }
        while slow.try_join_next().is_some() {}
    }
    while slow.join_next().await.is_some() {}
}

/// Takes what waits, and turns away what has waited for too long. Answers whether there will ever be more.
async fn take(jobs: &Mutex<mpsc::Receiver<Job>>, batch: &mut Vec<Job>, figures: &Figures) -> bool {
    while batch.is_empty() {
        let mut jobs = jobs.lock().await;
        if jobs.recv_many(batch, MAX_BATCH).await == 0 {
            return false;
        }
        figures.taken(jobs.len(), batch.iter().map(|job| job.since.elapsed()));
        drop(jobs);
        for job in batch.extract_if(.., |job| job.since.elapsed() > MAX_WAIT) {
            let _ = job.answer.send(Err(overloaded()));
        }
    }
    true
}

fn answer_all(answers: Vec<Answer>, outcomes: impl IntoIterator<Item = Result<LinkOutcome, StoreError>>) {
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // Whoever asked may have gone; the link stands all the same.
        let _ = answer.send(outcome);
    }
}

/// Links a batch; a panic fails it, and nothing else. What a database that went away has linked, without saying so, it
/// is asked for again: the answer is then the same.
async fn link_once(
    repository: &dyn LinkRepository,
    clock: &dyn Clock,
    requests: &[LinkRequest],
) -> Result<Vec<LinkOutcome>, StoreError> {
    let away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    let linked = retried_when(away, || async {
        let linking = timeout(BATCH_TIMEOUT, repository.link(requests, clock.now()));
        match AssertUnwindSafe(linking).catch_unwind().await {
            Ok(Ok(linked)) => linked,
            Ok(Err(_)) => Err(StoreError::Unavailable(Arc::new(Silent))),
            Err(_) => Err(StoreError::Failed(Arc::new(Panicked))),
        }
    });
    linked.await
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
        let mut linked = link_once(repository, clock, part).await;
        for _ in 1..LONE_ATTEMPTS {
            if part.len() == 1 && matches!(linked, Err(StoreError::Contended(_))) {
                linked = link_once(repository, clock, part).await;
            }
        }
        match linked {
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
mod tests;

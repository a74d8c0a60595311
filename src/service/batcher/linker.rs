//! Links batches, and sees to it that a request that fails, or has to wait, does so alone.
//!
//! A code that another process has locked delays no other: its batch skips it, and it is tried again in a transaction of
//! its own, which waits for the lock.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    metrics::BatchMetrics,
    queue::{Job, Place, Queue, locked},
    slowest::Slowest,
};
use crate::{
    promotions::{Clock, CodeKey, LinkOutcome, LinkRepository, LinkRequest, OnLocked, StoreError},
    service::retry::retried_when,
};

/// How long a batch may take. A database that says nothing for longer, not even that it is gone, would keep a worker.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a transaction waits for the lock of a code before its callers are told to try again later.
pub const LONE_ATTEMPTS: usize = 3;

/// How long a batch is tried again in parts because of locks. Its links have waited long enough then.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long a locked code pauses while no more transactions may wait for locks: as long again as it has waited, but at
/// least what another process needs to commit.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);

/// And at most a small part of what a link may wait.
pub const LONGEST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
#[error("linking panicked")]
pub struct Panicked;

#[derive(Debug, thiserror::Error)]
#[error("the database did not answer within {} seconds", BATCH_TIMEOUT.as_secs())]
struct Silent;

/// What the workers share.
pub struct Linker {
    repository: Arc<dyn LinkRepository>,
    clock: Arc<dyn Clock>,
    pub queue: Queue,
    /// Transactions that may wait for locks, beside the workers.
    lock_waiters: Arc<Semaphore>,
    pub slowest_commit: Slowest,
    metrics: BatchMetrics,
}

/// One result per request; `None` if another transaction has locked the code.
pub type Results = Vec<Result<Option<LinkOutcome>, StoreError>>;

impl Linker {
    pub fn new(repository: &Arc<dyn LinkRepository>, clock: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            repository: Arc::clone(repository),
            clock: Arc::clone(clock),
            queue: Queue::default(),
            lock_waiters: Arc::new(Semaphore::new(repository.lock_waiters())),
            slowest_commit: Slowest::new(),
            metrics: BatchMetrics::default(),
        })
    }

    /// Links a batch, and answers all that can be decided now. What has to wait for a lock does so aside.
    pub async fn link(self: &Arc<Self>, jobs: Vec<Job>, aside: &mut JoinSet<()>) {
        let (requests, places) = split(jobs);
        let started = Instant::now();
        let linked = self.link_once(&requests, OnLocked::Skip).await;
        self.metrics.linked(requests.len(), started.elapsed());
        let results = match linked {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(StoreError::Failed(_)) if requests.len() > 1 => {
                let mut results = Vec::with_capacity(requests.len());
                self.link_in_parts(&requests, OnLocked::Skip, |part| results.extend(part)).await;
                results
            }
            // Which lock it waited for, the database does not say.
            Err(StoreError::Contended(_)) => return self.wait_aside(join(requests, places).collect(), aside),
            Err(error) => vec![Err(error); requests.len()],
        };
        let mut decided = Vec::with_capacity(results.len());
        let mut locked: BTreeMap<CodeKey, Vec<Job>> = BTreeMap::new();
        for (job, result) in join(requests, places).zip(results) {
            match result.transpose() {
                Some(outcome) => decided.push((job, outcome)),
                None => locked.entry(job.request.key.clone()).or_default().push(job),
            }
        }
        let done = decided.iter().map(|(job, _)| &job.request.key).filter(|code| !locked.contains_key(code));
        self.queue.release(done, false);
        for (job, outcome) in decided {
            job.place.answer(outcome);
        }
        for jobs in locked.into_values() {
            self.wait_aside(jobs, aside);
        }
    }

    /// Links in a transaction that waits for locks, or, while no more of these may, tries again later. Meanwhile the
    /// codes are busy: more links for them wait in the queue.
    fn wait_aside(self: &Arc<Self>, jobs: Vec<Job>, aside: &mut JoinSet<()>) {
        let linker = Arc::clone(self);
        if let Ok(permit) = Arc::clone(&self.lock_waiters).try_acquire_owned() {
            aside.spawn(linker.wait_for_locks(jobs, permit));
            return;
        }
        let waited = jobs.iter().map(|job| job.place.waited()).max().unwrap_or_default();
        let codes: BTreeSet<CodeKey> = jobs.iter().map(|job| job.request.key.clone()).collect();
        self.queue.put_back(jobs);
        aside.spawn(async move {
            sleep(waited.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
            linker.queue.release(&codes, true);
        });
    }

    async fn wait_for_locks(self: Arc<Self>, jobs: Vec<Job>, permit: OwnedSemaphorePermit) {
        let (requests, places) = split(jobs);
        let (mut places, mut still_locked) = (places.into_iter(), false);
        let answer = |results: Results| {
            still_locked |= results.iter().any(|result| matches!(result, Err(StoreError::Contended(_))));
            for (result, place) in results.into_iter().zip(&mut places) {
                place.answer(result.and_then(|outcome| outcome.ok_or_else(locked)));
            }
        };
        self.link_in_parts(&requests, OnLocked::Wait, answer).await;
        drop(permit);
        self.queue.release(requests.iter().map(|request| &request.key), still_locked);
    }

    /// Links a batch; a panic fails it, and nothing else. What a database that went away has linked, without saying so,
    /// it is asked for again: the outcome is then the same.
    pub async fn link_once(
        &self,
        requests: &[LinkRequest],
        on_locked: OnLocked,
    ) -> Result<Vec<Option<LinkOutcome>>, StoreError> {
        let away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
        let linked = retried_when(away, || async {
            let started = Instant::now();
            let linking = timeout(BATCH_TIMEOUT, self.repository.link(requests, on_locked, self.clock.now()));
            match AssertUnwindSafe(linking).catch_unwind().await {
                Ok(Ok(linked)) => linked.inspect(|outcomes| {
                    // Without the waits for locks: they are not what a commit costs.
                    if on_locked == OnLocked::Skip && wrote(requests, outcomes) {
                        self.slowest_commit.record(started.elapsed());
                    }
                }),
                Ok(Err(_)) => Err(StoreError::Unavailable(Arc::new(Silent))),
                Err(_) => Err(StoreError::Failed(Arc::new(Panicked))),
            }
        });
        linked.await
    }

    /// Links a batch, and hands out the results of each part as soon as it is done, in the order of the requests. A batch
    /// that fails as a whole is tried again in halves, so that a request that can't be written fails alone. Not so when the
    /// database is away: every part would fail alike.
    pub async fn link_in_parts(&self, requests: &[LinkRequest], on_locked: OnLocked, mut done: impl FnMut(Results)) {
        let started = Instant::now();
        let mut parts = vec![requests];
        while let Some(part) = parts.pop() {
            // All links of a code wait for the same lock.
            let one_code = part.iter().all(|request| request.key == part[0].key);
            let mut linked = self.link_once(part, on_locked).await;
            for _ in 1..LONE_ATTEMPTS {
                let again = one_code && started.elapsed() < LONGEST_WAIT;
                if again && matches!(linked, Err(StoreError::Contended(_))) {
                    linked = self.link_once(part, on_locked).await;
                }
            }
            match linked {
                Ok(outcomes) => done(outcomes.into_iter().map(Ok).collect()),
                Err(StoreError::Contended(_)) if !one_code && started.elapsed() < LONGEST_WAIT => {
                    parts.extend(halves(part));
                }
                Err(StoreError::Failed(_)) if part.len() > 1 => parts.extend(halves(part)),
                Err(error) => done(vec![Err(error); part.len()]),
            }
        }
    }
}

fn split(jobs: Vec<Job>) -> (Vec<LinkRequest>, Vec<Place>) {
    jobs.into_iter().map(|job| (job.request, job.place)).unzip()
}

fn join(requests: Vec<LinkRequest>, places: Vec<Place>) -> impl Iterator<Item = Job> {
    requests.into_iter().zip(places).map(|(request, place)| Job { request, place })
}

/// The halves of a batch, the first one on top.
fn halves(requests: &[LinkRequest]) -> [&[LinkRequest]; 2] {
    let (first, second) = requests.split_at(requests.len() / 2);
    [second, first]
}

/// Whether one of these promotions is new: then it has the id that its request brought.
fn wrote(requests: &[LinkRequest], outcomes: &[Option<LinkOutcome>]) -> bool {
    let mut links = requests.iter().zip(outcomes);
    links.any(|(request, outcome)| matches!(outcome, Some(Ok(promotion)) if promotion.id == request.id))
}

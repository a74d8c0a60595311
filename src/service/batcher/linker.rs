//! Links batches, and isolates requests that fail or have to wait.
//!
//! A code that another process has locked does not delay others: its batch skips it, and a separate transaction waits for the
//! lock.

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
    queue::{Job, Queue, Waiter, locked},
    recent_max::RecentMax,
};
use crate::{
    promotions::{Clock, CodeKey, LinkOutcome, LinkRepository, LinkRequest, OnLocked, StoreError},
    service::retry::retry_if,
};

/// The time limit of a batch. Without it, a database that never responds would block a worker.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of times that a transaction waits for the lock of a code before its callers get an error.
pub const LOCK_ATTEMPTS: usize = 3;

/// A batch that lasts longer is not retried because of locks: its callers have waited long enough.
const LOCK_RETRY_WINDOW: Duration = Duration::from_secs(2);

/// The minimum pause of a locked code while the maximum number of transactions waits for locks. The pause equals the time
/// that the code has waited, but is at least what another process needs to commit.
const MIN_LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The maximum pause: a small part of the time that a link may wait.
pub const MAX_LOCK_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
#[error("linking panicked")]
pub struct Panicked;

#[derive(Debug, thiserror::Error)]
#[error("the database did not respond within {} seconds", BATCH_TIMEOUT.as_secs())]
struct NoResponse;

/// The state that the workers share.
pub struct Linker {
    repository: Arc<dyn LinkRepository>,
    clock: Arc<dyn Clock>,
    pub queue: Queue,
    /// Permits for transactions that wait for locks, besides the workers.
    lock_waiters: Arc<Semaphore>,
    pub slowest_commit: RecentMax,
    metrics: BatchMetrics,
}

/// One result per request; `None` if another transaction has locked the code.
pub type Results = Vec<Result<Option<LinkOutcome>, StoreError>>;

impl Linker {
    pub fn new(repository: &Arc<dyn LinkRepository>, clock: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            repository: Arc::clone(repository),
            clock: Arc::clone(clock),
            queue: Queue::new(repository.mixes_organisations()),
            lock_waiters: Arc::new(Semaphore::new(repository.lock_waiters())),
            slowest_commit: RecentMax::new(),
            metrics: BatchMetrics::default(),
        })
    }

    /// Links a batch and completes all jobs that can be decided now. Jobs that have to wait for a lock go to `lock_waits`.
    pub async fn link(self: &Arc<Self>, jobs: Vec<Job>, lock_waits: &mut JoinSet<()>) {
        let (requests, waiters) = split(jobs);
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
            // The database does not say which code is locked.
            Err(StoreError::Contended(_)) => return self.defer(join(requests, waiters).collect(), lock_waits),
            Err(error) => vec![Err(error); requests.len()],
        };
        let mut decided = Vec::with_capacity(results.len());
        let mut locked: BTreeMap<CodeKey, Vec<Job>> = BTreeMap::new();
        for (job, result) in join(requests, waiters).zip(results) {
            match result.transpose() {
                Some(outcome) => decided.push((job, outcome)),
                None => locked.entry(job.request.key.clone()).or_default().push(job),
            }
        }
        let done = decided.iter().map(|(job, _)| &job.request.key).filter(|code| !locked.contains_key(code));
        self.queue.release(done, false);
        for (job, outcome) in decided {
            job.waiter.send(outcome);
        }
        for jobs in locked.into_values() {
            self.defer(jobs, lock_waits);
        }
    }

    /// Links in a transaction that waits for locks, or retries later while the maximum number of these is running. Meanwhile the
    /// codes are busy: more links for them wait in the queue.
    fn defer(self: &Arc<Self>, jobs: Vec<Job>, lock_waits: &mut JoinSet<()>) {
        let linker = Arc::clone(self);
        if let Ok(permit) = Arc::clone(&self.lock_waiters).try_acquire_owned() {
            lock_waits.spawn(linker.wait_for_locks(jobs, permit));
            return;
        }
        let waited = jobs.iter().map(|job| job.waiter.waited()).max().unwrap_or_default();
        let codes: BTreeSet<CodeKey> = jobs.iter().map(|job| job.request.key.clone()).collect();
        self.queue.put_back(jobs);
        lock_waits.spawn(async move {
            sleep(waited.clamp(MIN_LOCK_PAUSE, MAX_LOCK_PAUSE)).await;
            linker.queue.release(&codes, true);
        });
    }

    async fn wait_for_locks(self: Arc<Self>, jobs: Vec<Job>, permit: OwnedSemaphorePermit) {
        let (requests, waiters) = split(jobs);
        let (mut waiters, mut still_locked) = (waiters.into_iter(), false);
        let complete = |results: Results| {
            still_locked |= results.iter().any(|result| matches!(result, Err(StoreError::Contended(_))));
            for (result, waiter) in results.into_iter().zip(&mut waiters) {
                waiter.send(result.and_then(|outcome| outcome.ok_or_else(locked)));
            }
        };
        self.link_in_parts(&requests, OnLocked::Wait, complete).await;
        drop(permit);
        self.queue.release(requests.iter().map(|request| &request.key), still_locked);
    }

    /// Links a batch. A panic fails only this batch. Retries when the database was unavailable: the result is the same if the
    /// first attempt committed and its acknowledgement was lost.
    pub async fn link_once(
        &self,
        requests: &[LinkRequest],
        on_locked: OnLocked,
    ) -> Result<Vec<Option<LinkOutcome>>, StoreError> {
        let unavailable = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
        let linked = retry_if(unavailable, || async {
            let started = Instant::now();
            let linking = timeout(BATCH_TIMEOUT, self.repository.link(requests, on_locked, self.clock.now()));
            match AssertUnwindSafe(linking).catch_unwind().await {
                Ok(Ok(linked)) => linked.inspect(|outcomes| {
                    // Excludes waits for locks, which are not part of the cost of a commit.
                    if on_locked == OnLocked::Skip && wrote(requests, outcomes) {
                        self.slowest_commit.record(started.elapsed());
                    }
                }),
                Ok(Err(_)) => Err(StoreError::Unavailable(Arc::new(NoResponse))),
                Err(_) => Err(StoreError::Failed(Arc::new(Panicked))),
            }
        });
        linked.await
    }

    /// Links a batch and passes the results of each part to `done` as soon as it completes, in the order of the requests. Retries
    /// a batch that fails as a whole in halves, so that a request that can't be written fails alone; but not when the database is
    /// unavailable, when every part would fail.
    pub async fn link_in_parts(&self, requests: &[LinkRequest], on_locked: OnLocked, mut done: impl FnMut(Results)) {
        let started = Instant::now();
        let mut parts = vec![requests];
        while let Some(part) = parts.pop() {
            // All links of one code wait for the same lock.
            let one_code = part.iter().all(|request| request.key == part[0].key);
            let mut linked = self.link_once(part, on_locked).await;
            for _ in 1..LOCK_ATTEMPTS {
                let retries = one_code && started.elapsed() < LOCK_RETRY_WINDOW;
                if retries && matches!(linked, Err(StoreError::Contended(_))) {
                    linked = self.link_once(part, on_locked).await;
                }
            }
            match linked {
                Ok(outcomes) => done(outcomes.into_iter().map(Ok).collect()),
                Err(StoreError::Contended(_)) if !one_code && started.elapsed() < LOCK_RETRY_WINDOW => {
                    parts.extend(halves(part));
                }
                Err(StoreError::Failed(_)) if part.len() > 1 => parts.extend(halves(part)),
                Err(error) => done(vec![Err(error); part.len()]),
            }
        }
    }
}

fn split(jobs: Vec<Job>) -> (Vec<LinkRequest>, Vec<Waiter>) {
    jobs.into_iter().map(|job| (job.request, job.waiter)).unzip()
}

fn join(requests: Vec<LinkRequest>, waiters: Vec<Waiter>) -> impl Iterator<Item = Job> {
    requests.into_iter().zip(waiters).map(|(request, waiter)| Job { request, waiter })
}

/// The halves of a batch, in the order of a stack: the first half is popped first.
fn halves(requests: &[LinkRequest]) -> [&[LinkRequest]; 2] {
    let (first, second) = requests.split_at(requests.len() / 2);
    [second, first]
}

/// Whether one of these promotions is new: it has the id of its request.
fn wrote(requests: &[LinkRequest], outcomes: &[Option<LinkOutcome>]) -> bool {
    let mut links = requests.iter().zip(outcomes);
    links.any(|(request, outcome)| matches!(outcome, Some(Ok(promotion)) if promotion.id == request.id))
}

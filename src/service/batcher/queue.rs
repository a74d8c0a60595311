//! The links that wait for a worker.
//!
//! They wait in lines, one for each code. While a batch with some links of a line is under way, the line is busy and
//! the others wait: two workers would only find each other's locks. Organisations have equal shares of a batch, so that
//! those with few links don't wait behind the thousands of another one.

mod lines;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::counter;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use self::lines::Lines;
use super::metrics::QueueMetrics;
use crate::promotions::{CodeKey, LinkOutcome, LinkRequest, StoreError};

/// How many links may wait, of all organisations. At ten thousand links a second this is some 400 ms of work: past it,
/// waiting longer does not help.
pub const QUEUE_LENGTH: usize = 4096;

/// How long a link may wait for its turn. One that has waited longer is refused: in a queue that does not get shorter,
/// all would wait as long.
pub const MAX_WAIT: Duration = Duration::from_secs(1);

/// How many links share a transaction at most. Beyond a few hundred the commit is paid for, and a larger batch only
/// holds its locks longer.
pub const MAX_BATCH: usize = 512;

/// A request, and where its caller waits.
pub struct Job {
    pub request: LinkRequest,
    pub place: Place,
}

/// Where a caller waits.
pub struct Place {
    answer: oneshot::Sender<Result<LinkOutcome, StoreError>>,
    since: Instant,
    /// The order of arrival.
    number: u64,
}

impl Place {
    pub fn answer(self, outcome: Result<LinkOutcome, StoreError>) {
        // The caller may have gone. What is linked stays linked.
        let _ = self.answer.send(outcome);
    }

    pub fn waited(&self) -> Duration {
        self.since.elapsed()
    }
}

/// Another transaction has locked a code for too long.
#[derive(Debug, thiserror::Error)]
#[error("the code is locked")]
struct CodeLocked;

pub fn locked() -> StoreError {
    StoreError::Contended(Arc::new(CodeLocked))
}

#[derive(Default)]
pub struct Queue {
    lines: Mutex<Lines>,
    /// Tells workers of links that can be taken, and of the end.
    changed: Notify,
    metrics: QueueMetrics,
}

impl Queue {
    /// Adds a request. Returns where its outcome arrives.
    pub fn add(&self, request: LinkRequest) -> Result<oneshot::Receiver<Result<LinkOutcome, StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let mut lines = self.lock();
        if !lines.has_room(request.key.org) {
            drop(lines);
            return Err(overloaded());
        }
        lines.arrived += 1;
        let place = Place { answer, since: Instant::now(), number: lines.arrived };
        lines.add(Job { request, place });
        self.metrics.length(lines.jobs);
        drop(lines);
        self.changed.notify_one();
        Ok(answered)
    }

    /// Waits for links that can be taken, and takes up to [`MAX_BATCH`]: of each organisation in their order of arrival.
    /// Their lines are busy until they are released. `None` when the queue is closed and empty.
    pub async fn take(&self) -> Option<Vec<Job>> {
        loop {
            // From here on, no change is missed.
            let changed = self.changed.notified();
            let (batch, more, ended) = {
                let mut lines = self.lock();
                let batch = lines.take();
                self.metrics.length(lines.jobs);
                (batch, lines.has_free(), lines.closed && lines.jobs == 0)
            };
            if ended {
                // Other workers may have waited for the last job.
                self.changed.notify_waiters();
            } else if more {
                self.changed.notify_one();
            }
            if !batch.is_empty() {
                self.metrics.taken(batch.iter().map(|job| job.place.waited()));
                return Some(batch);
            }
            if ended {
                return None;
            }
            changed.await;
        }
    }

    /// Puts jobs that were taken back to the front of their line, which stays busy.
    pub fn put_back(&self, jobs: Vec<Job>) {
        let mut lines = self.lock();
        for job in jobs.into_iter().rev() {
            lines.count(job.request.key.org);
            lines.by_code.entry(job.request.key.clone()).or_default().jobs.push_front(job);
        }
        self.metrics.length(lines.jobs);
    }

    /// Ends what kept these codes busy. `locked`: another transaction has locked them.
    pub fn release<'a>(&self, codes: impl IntoIterator<Item = &'a CodeKey>, locked: bool) {
        let mut lines = self.lock();
        for code in codes {
            lines.release(code, locked);
        }
        drop(lines);
        self.changed.notify_one();
    }

    /// No more requests come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    #[cfg(test)]
    pub fn length(&self) -> usize {
        self.lock().jobs
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn overloaded() -> StoreError {
    counter!("promolink_refusals_total", "limit" => "queue").increment(1);
    StoreError::Overloaded
}

#[cfg(test)]
mod tests;

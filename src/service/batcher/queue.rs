//! The links that wait for a worker.
//!
//! Each code has a queue of its own. While a batch has links of a code, the code is busy and its other links wait: a second
//! worker would only block on the first one's locks. Organisations get equal shares of a batch, so that those with few links
//! don't wait behind thousands of another's.

mod fair_queue;
mod job;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use self::fair_queue::FairQueue;
#[cfg(test)]
pub use self::fair_queue::{MAX_BATCH, MAX_WAIT, QUEUE_LENGTH};
pub use self::job::{Job, LinkResult, Waiter};
use super::metrics::QueueMetrics;
use crate::promotions::{CodeKey, LinkRequest, StoreError};

/// Another transaction has held the lock of a code for too long.
#[derive(Debug, thiserror::Error)]
#[error("the code is locked")]
struct CodeLocked;

pub fn locked() -> StoreError {
    StoreError::Contended(Arc::new(CodeLocked))
}

pub struct Queue {
    state: Mutex<State>,
    /// Wakes workers when links are ready, and when the queue closes.
    changed: Notify,
    metrics: QueueMetrics,
}

struct State {
    links: FairQueue,
    /// The number of links that have arrived.
    arrived: u64,
    closed: bool,
}

impl Queue {
    /// `mixes_orgs`: whether a batch may have several organisations.
    pub fn new(mixes_orgs: bool) -> Self {
        let state = State { links: FairQueue::new(mixes_orgs), arrived: 0, closed: false };
        Self { state: Mutex::new(state), changed: Notify::new(), metrics: QueueMetrics::default() }
    }

    /// Adds a request. Returns the receiver of its outcome.
    pub fn add(&self, request: LinkRequest) -> Result<oneshot::Receiver<LinkResult>, StoreError> {
        let mut state = self.lock();
        if !state.links.has_room(request.key.org) {
            drop(state);
            self.metrics.rejected();
            return Err(StoreError::Overloaded);
        }
        state.arrived += 1;
        let (waiter, outcome) = Waiter::new(state.arrived);
        state.links.add(Job { request, waiter });
        self.metrics.length(state.links.length);
        drop(state);
        self.changed.notify_one();
        Ok(outcome)
    }

    /// Waits for links that are ready, and takes a batch. Their codes are busy until they are released. `None` when the queue
    /// is closed and empty.
    pub async fn take(&self) -> Option<Vec<Job>> {
        loop {
            // Created before the state is read, so that no change is missed.
            let changed = self.changed.notified();
            let (taken, more, ended) = {
                let mut state = self.lock();
                let taken = state.links.take();
                self.metrics.length(state.links.length);
                (taken, state.links.has_ready(), state.closed && state.links.length == 0)
            };
            if ended {
                // Other workers may be waiting for the last job.
                self.changed.notify_waiters();
            } else if more {
                self.changed.notify_one();
            }
            for (job, was_locked) in taken.late {
                self.reject_late(job, was_locked);
            }
            if !taken.batch.is_empty() {
                self.metrics.taken(taken.batch.iter().map(|job| job.waiter.waited()));
                return Some(taken.batch);
            }
            if ended {
                return None;
            }
            changed.await;
        }
    }

    fn reject_late(&self, job: Job, was_locked: bool) {
        if was_locked {
            return job.waiter.send(Err(locked()));
        }
        self.metrics.rejected();
        job.waiter.send(Err(StoreError::Overloaded));
    }

    /// Returns taken jobs to the front of the queue of their code, which stays busy.
    pub fn put_back(&self, jobs: Vec<Job>) {
        let mut state = self.lock();
        state.links.put_back(jobs);
        self.metrics.length(state.links.length);
    }

    /// Ends the batch of these codes. `locked`: another transaction holds their locks.
    pub fn release<'a>(&self, codes: impl IntoIterator<Item = &'a CodeKey>, locked: bool) {
        let mut state = self.lock();
        for code in codes {
            state.links.release(code, locked);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Ends the queue: no more requests come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    #[cfg(test)]
    pub fn length(&self) -> usize {
        self.lock().links.length
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

//! Shares transactions among concurrent links.
//!
//! Links wait in a bounded queue. Each worker takes everything that waits and passes it to the repository as one batch. There
//! is no timer: an idle server links a single request immediately, a loaded one shares the cost of a commit among hundreds.

mod linker;
mod metrics;
mod queue;
mod recent_max;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use self::linker::{Linker, Panicked};
use crate::promotions::{Clock, LinkOutcome, LinkRepository, LinkRequest, StoreError};

/// Queues requests and waits for their outcomes.
pub struct Batcher(Arc<Linker>);

/// The worker tasks of a `Batcher`. They end when it is dropped and the queue is empty.
#[must_use = "wait for the workers, or accepted links may be lost when the process ends"]
pub struct Workers(JoinSet<()>);

impl Workers {
    /// Waits until all accepted links are done.
    pub async fn finished(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

impl Batcher {
    /// Starts the number of workers that the repository can use.
    pub fn start(repository: &Arc<dyn LinkRepository>, clock: &Arc<dyn Clock>) -> (Self, Workers) {
        let linker = Linker::new(repository, clock);
        let mut tasks = JoinSet::new();
        for _ in 0..repository.link_workers() {
            tasks.spawn(work(Arc::clone(&linker)));
        }
        (Self(linker), Workers(tasks))
    }

    /// Links one code. Dropping the future after its first poll does not cancel the link. The link fails if it waits too long
    /// in the queue.
    pub async fn link(&self, request: LinkRequest) -> Result<LinkOutcome, StoreError> {
        let outcome = self.0.queue.add(request)?;
        outcome.await.unwrap_or_else(|_| Err(StoreError::Failed(Arc::new(Panicked))))
    }

    /// The longest duration of a batch with a write in the last one to two minutes. Zero if there was none.
    pub fn slowest_commit(&self) -> Duration {
        self.0.slowest_commit.get()
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

async fn work(linker: Arc<Linker>) {
    let mut lock_waits = JoinSet::new();
    while let Some(jobs) = linker.queue.take().await {
        linker.link(jobs, &mut lock_waits).await;
        while lock_waits.try_join_next().is_some() {}
    }
    while lock_waits.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests;

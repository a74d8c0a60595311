//! Shares transactions between links that arrive at the same time.
//!
//! A bounded queue, and workers that each take everything that waits and hand it to the repository as one batch. There
//! is no timer: an idle server links a lone request immediately, a loaded one shares the cost of a commit among
//! hundreds.

mod linker;
mod metrics;
mod queue;
mod slowest;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use self::linker::{Linker, Panicked};
use crate::promotions::{Clock, LinkOutcome, LinkRepository, LinkRequest, StoreError};

/// The way in: puts a request into the queue and waits for its outcome.
pub struct Batcher(Arc<Linker>);

/// The tasks behind a `Batcher`. They end when it is dropped and the queue is empty.
#[must_use = "wait for the workers, or accepted links may be lost when the process ends"]
pub struct Workers(JoinSet<()>);

impl Workers {
    /// Waits until all that was accepted is done.
    pub async fn finished(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

impl Batcher {
    /// Starts as many workers as the repository can use.
    pub fn start(repository: &Arc<dyn LinkRepository>, clock: &Arc<dyn Clock>) -> (Self, Workers) {
        let linker = Linker::new(repository, clock);
        let mut tasks = JoinSet::new();
        for _ in 0..repository.link_workers() {
            tasks.spawn(work(Arc::clone(&linker)));
        }
        (Self(linker), Workers(tasks))
    }

    /// Links one code. Once this has been polled, the link happens even if nobody waits for the outcome, unless its turn
    /// comes too late.
    pub async fn link(&self, request: LinkRequest) -> Result<LinkOutcome, StoreError> {
        let answered = self.0.queue.add(request)?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Failed(Arc::new(Panicked))))
    }

    /// The longest that a batch took which wrote something, of the last minute or two. Zero if none did.
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
    let mut aside = JoinSet::new();
    while let Some(jobs) = linker.queue.take().await {
        linker.link(jobs, &mut aside).await;
        while aside.try_join_next().is_some() {}
    }
    while aside.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests;

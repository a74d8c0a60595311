//! A queued link and the caller that waits for it.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use crate::promotions::{LinkOutcome, LinkRequest, StoreError};

pub type LinkResult = Result<LinkOutcome, StoreError>;

pub struct Job {
    pub request: LinkRequest,
    pub waiter: Waiter,
}

/// The caller that waits for the outcome.
pub struct Waiter {
    sender: oneshot::Sender<LinkResult>,
    since: Instant,
    /// Numbers jobs in order of arrival.
    pub arrival: u64,
}

impl Waiter {
    /// Returns the waiter and the receiver of its outcome.
    pub fn new(arrival: u64) -> (Self, oneshot::Receiver<LinkResult>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender, since: Instant::now(), arrival }, receiver)
    }

    pub fn send(self, outcome: LinkResult) {
        // Fails if the client disconnected. A completed link stays linked.
        let _ = self.sender.send(outcome);
    }

    pub fn waited(&self) -> Duration {
        self.since.elapsed()
    }
}

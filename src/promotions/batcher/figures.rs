//! What operators see of the batcher.

use std::time::Duration;

use metrics::{Gauge, Histogram, gauge, histogram};

/// How many links wait.
pub fn waiting() -> Gauge {
    gauge!("promolink_link_queue_length")
}

/// Where the batcher's metrics are kept.
pub struct Figures {
    waiting: Gauge,
    waited: Histogram,
    size: Histogram,
    took: Histogram,
}

impl Figures {
    pub fn new() -> Self {
        Self {
            waiting: waiting(),
            waited: histogram!("promolink_link_queue_seconds"),
            size: histogram!("promolink_link_batch_size"),
            took: histogram!("promolink_link_batch_seconds"),
        }
    }

    /// A worker took links out of the queue, which have waited so long; so many are left.
    pub fn taken(&self, left: usize, waited: impl Iterator<Item = Duration>) {
        self.waiting.set(u32::try_from(left).unwrap_or(u32::MAX));
        waited.for_each(|waited| self.waited.record(waited));
    }

    /// So many links were decided together, in this time.
    pub fn linked(&self, links: usize, took: Duration) {
        self.size.record(u32::try_from(links).unwrap_or(u32::MAX));
        self.took.record(took);
    }
}

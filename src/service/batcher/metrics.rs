//! What operators see of the batcher.

use std::time::Duration;

use metrics::{Gauge, Histogram, gauge, histogram};

/// Where the queue's metrics are kept.
pub struct QueueMetrics {
    length: Gauge,
    waited: Histogram,
}

impl Default for QueueMetrics {
    fn default() -> Self {
        Self { length: gauge!("promolink_link_queue_length"), waited: histogram!("promolink_link_queue_seconds") }
    }
}

impl QueueMetrics {
    /// How many links wait.
    pub fn length(&self, links: usize) {
        self.length.set(u32::try_from(links).unwrap_or(u32::MAX));
    }

    /// Links were taken that have waited so long.
    pub fn taken(&self, waited: impl Iterator<Item = Duration>) {
        waited.for_each(|waited| self.waited.record(waited));
    }
}

/// Where the metrics of batches are kept.
pub struct BatchMetrics {
    size: Histogram,
    took: Histogram,
}

impl Default for BatchMetrics {
    fn default() -> Self {
        Self { size: histogram!("promolink_link_batch_size"), took: histogram!("promolink_link_batch_seconds") }
    }
}

impl BatchMetrics {
    /// So many links were decided together, in this time.
    pub fn linked(&self, links: usize, took: Duration) {
        self.size.record(u32::try_from(links).unwrap_or(u32::MAX));
        self.took.record(took);
    }
}

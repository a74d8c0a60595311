//! The batcher's metrics.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

pub struct QueueMetrics {
    length: Gauge,
    waited: Histogram,
    rejected: Counter,
}

impl Default for QueueMetrics {
    fn default() -> Self {
        Self {
            length: gauge!("promolink_link_queue_length"),
            waited: histogram!("promolink_link_queue_seconds"),
            rejected: counter!("promolink_refusals_total", "limit" => "queue"),
        }
    }
}

impl QueueMetrics {
    /// Sets the number of links that wait.
    pub fn length(&self, links: usize) {
        self.length.set(u32::try_from(links).unwrap_or(u32::MAX));
    }

    /// Records how long the links of a batch have waited.
    pub fn taken(&self, waited: impl Iterator<Item = Duration>) {
        waited.for_each(|waited| self.waited.record(waited));
    }

    /// Counts a link that was rejected because the queue is full, or that waited too long.
    pub fn rejected(&self) {
        self.rejected.increment(1);
    }
}

pub struct BatchMetrics {
    size: Histogram,
    duration: Histogram,
}

impl Default for BatchMetrics {
    fn default() -> Self {
        Self { size: histogram!("promolink_link_batch_size"), duration: histogram!("promolink_link_batch_seconds") }
    }
}

impl BatchMetrics {
    /// Records a batch.
    pub fn linked(&self, links: usize, duration: Duration) {
        self.size.record(u32::try_from(links).unwrap_or(u32::MAX));
        self.duration.record(duration);
    }
}

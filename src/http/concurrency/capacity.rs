//! The number of permits: all of them or, while the server is overloaded, a few.
//!
//! While rejections are rare, all are available, so that a burst is served at full speed. While there are more rejections
//! than grants, a long queue helps no caller: the fewer operations run concurrently, the sooner each has its response.

use std::{thread::available_parallelism, time::Duration};

use metrics::{Gauge, gauge};
use tokio::time::Instant;

/// Permits per core while the server is overloaded, capped at half of all. Enough to keep a core busy if the database
/// responds within 1 to 2 ms.
const OVERLOADED_PERMITS_PER_CORE: usize = 24;

/// How long grants and rejections are counted before the number of permits is decided again.
const WINDOW: Duration = Duration::from_millis(100);

/// The number of permits, and the grants and rejections in the current window.
pub struct Capacity {
    all: u32,
    few: u32,
    permits: u32,
    window_start: Instant,
    granted: u32,
    rejected: u32,
    /// `None` for a fixed number.
    gauge: Option<Gauge>,
}

impl Capacity {
    /// This many permits, or a few while the server is overloaded.
    pub fn adaptive(all: u32) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let few = u32::try_from(OVERLOADED_PERMITS_PER_CORE * cores).unwrap_or(u32::MAX).min(all.div_ceil(2));
        let capacity = Self { few, gauge: Some(gauge!("promolink_concurrency")), ..Self::fixed(all) };
        capacity.update_gauge();
        capacity
    }

    /// Always this many permits.
    pub fn fixed(all: u32) -> Self {
        Self { all, few: all, permits: all, window_start: Instant::now(), granted: 0, rejected: 0, gauge: None }
    }

    /// The current number of permits.
    pub const fn permits(&self) -> u32 {
        self.permits
    }

    pub const fn count_granted(&mut self) {
        self.granted = self.granted.saturating_add(1);
    }

    /// Counts a rejection. More rejections than there are permits end the window early: a short pause can't explain them.
    pub fn count_rejected(&mut self) {
        self.rejected = self.rejected.saturating_add(1);
        if self.permits == self.all && self.rejected > self.all && self.rejected > self.granted {
            self.decide();
        }
    }

    /// Decides the number of permits if the window is over. Returns whether it was.
    pub fn update(&mut self) -> bool {
        let is_over = self.window_start.elapsed() >= WINDOW;
        if is_over {
            self.decide();
        }
        is_over
    }

    fn decide(&mut self) {
        self.permits = if self.rejected > self.granted { self.few } else { self.all };
        (self.window_start, self.granted, self.rejected) = (Instant::now(), 0, 0);
        self.update_gauge();
    }

    fn update_gauge(&self) {
        if let Some(gauge) = &self.gauge {
            gauge.set(self.permits);
        }
    }
}

//! How many places are permitted: all of them or, while the server is overloaded, a few.
//!
//! All are permitted while they last: a burst is worked off at full speed. While more is rejected than taken, a long queue
//! would be of no use to anyone: the fewer operations are executed concurrently, the sooner each has its response.

use std::{thread::available_parallelism, time::Duration};

use metrics::{Gauge, gauge};
use tokio::time::Instant;

/// Places per core while the server is overloaded, half of all at most. Enough to keep a core busy where the database
/// answers within 1 to 2 ms.
const FEW_PER_CORE: usize = 24;

/// How long to look at what is taken and rejected, before it is decided how many places are permitted.
const ROUND: Duration = Duration::from_millis(100);

/// What is asked for in this round, and how many places are permitted.
pub struct Demand {
    all: u32,
    few: u32,
    permitted: u32,
    since: Instant,
    taken: u32,
    rejected: u32,
    /// `None` where the number never changes.
    gauge: Option<Gauge>,
}

impl Demand {
    /// This many places, or few.
    pub fn new(all: u32) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let few = u32::try_from(FEW_PER_CORE * cores).unwrap_or(u32::MAX).min(all.div_ceil(2));
        let demand = Self { few, gauge: Some(gauge!("promolink_concurrency")), ..Self::fixed(all) };
        demand.show();
        demand
    }

    /// Always this many.
    pub fn fixed(all: u32) -> Self {
        Self { all, few: all, permitted: all, since: Instant::now(), taken: 0, rejected: 0, gauge: None }
    }

    /// How many places are permitted.
    pub const fn permitted(&self) -> u32 {
        self.permitted
    }

    pub const fn count_taken(&mut self) {
        self.taken = self.taken.saturating_add(1);
    }

    /// Counts a rejection. If there are more than all places, the round ends early: no short stop can explain them.
    pub fn count_rejected(&mut self) {
        self.rejected = self.rejected.saturating_add(1);
        if self.permitted == self.all && self.rejected > self.all && self.rejected > self.taken {
            self.decide();
        }
    }

    /// Decides how many places are permitted, if the round is over. Returns whether it was.
    pub fn update(&mut self) -> bool {
        let is_over = self.since.elapsed() >= ROUND;
        if is_over {
            self.decide();
        }
        is_over
    }

    fn decide(&mut self) {
        self.permitted = if self.rejected > self.taken { self.few } else { self.all };
        (self.since, self.taken, self.rejected) = (Instant::now(), 0, 0);
        self.show();
    }

    fn show(&self) {
        if let Some(gauge) = &self.gauge {
            gauge.set(self.permitted);
        }
    }
}

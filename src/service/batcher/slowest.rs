//! The slowest of what happened lately.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What is remembered for at least this long, and for less than twice as long.
const REMEMBERED: Duration = Duration::from_mins(1);

/// The longest duration of the last minute or two.
pub struct Slowest(Mutex<Periods>);

/// The longest of the period that began then, and of the one before.
struct Periods {
    began: Instant,
    now: Duration,
    before: Duration,
}

impl Slowest {
    pub fn new() -> Self {
        Self(Mutex::new(Periods { began: Instant::now(), now: Duration::ZERO, before: Duration::ZERO }))
    }

    pub fn record(&self, took: Duration) {
        self.with(|periods| periods.now = periods.now.max(took));
    }

    /// Zero if nothing happened.
    pub fn get(&self) -> Duration {
        self.with(|periods| periods.now.max(periods.before))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Periods) -> T) -> T {
        let mut periods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = periods.began.elapsed();
        if age >= REMEMBERED {
            let before = if age < 2 * REMEMBERED { periods.now } else { Duration::ZERO };
            *periods = Periods { began: Instant::now(), now: Duration::ZERO, before };
        }
        work(&mut periods)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_of_the_last_minute_counts() {
        let slowest = Slowest::new();
        assert_eq!(slowest.get(), Duration::ZERO);
        slowest.record(Duration::from_millis(9));
        slowest.record(Duration::from_millis(5));
        assert_eq!(slowest.get(), Duration::from_millis(9));
        advance(REMEMBERED).await;
        slowest.record(Duration::from_millis(3));
        assert_eq!(slowest.get(), Duration::from_millis(9));
        advance(REMEMBERED).await;
        assert_eq!(slowest.get(), Duration::from_millis(3));
        advance(2 * REMEMBERED).await;
        assert_eq!(slowest.get(), Duration::ZERO);
    }
}

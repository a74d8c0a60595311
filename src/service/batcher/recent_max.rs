//! The longest recent duration.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A duration counts for at least this long, and for less than twice as long.
const WINDOW: Duration = Duration::from_mins(1);

/// The maximum of the durations recorded in the last one to two minutes.
pub struct RecentMax(Mutex<Windows>);

struct Windows {
    /// When the current window began.
    began: Instant,
    current: Duration,
    previous: Duration,
}

impl RecentMax {
    pub fn new() -> Self {
        Self(Mutex::new(Windows { began: Instant::now(), current: Duration::ZERO, previous: Duration::ZERO }))
    }

    pub fn record(&self, duration: Duration) {
        self.with(|windows| windows.current = windows.current.max(duration));
    }

    /// Zero if nothing was recorded.
    pub fn get(&self) -> Duration {
        self.with(|windows| windows.current.max(windows.previous))
    }

    fn with<T>(&self, access: impl FnOnce(&mut Windows) -> T) -> T {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age = windows.began.elapsed();
        if age >= WINDOW {
            let previous = if age < 2 * WINDOW { windows.current } else { Duration::ZERO };
            *windows = Windows { began: Instant::now(), current: Duration::ZERO, previous };
        }
        access(&mut windows)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_maximum_of_the_last_minute_counts() {
        let max = RecentMax::new();
        assert_eq!(max.get(), Duration::ZERO);
        max.record(Duration::from_millis(9));
        max.record(Duration::from_millis(5));
        assert_eq!(max.get(), Duration::from_millis(9));
        advance(WINDOW).await;
        max.record(Duration::from_millis(3));
        assert_eq!(max.get(), Duration::from_millis(9));
        advance(WINDOW).await;
        assert_eq!(max.get(), Duration::from_millis(3));
        advance(2 * WINDOW).await;
        assert_eq!(max.get(), Duration::ZERO);
    }
}

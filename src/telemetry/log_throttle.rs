//! Limits the rate of log lines that errors or attacks can cause in large numbers, so that they neither fill the log nor
//! slow down the server.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

/// The most lines of one kind per second, and the most that may come in a burst.
const LINES_PER_SECOND: u64 = 10;

/// In nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// The nanoseconds in which the budget of one line is refilled.
const REFILL: u64 = SECOND / LINES_PER_SECOND;

/// The throttle of one kind of line: a token bucket.
pub struct LogThrottle {
    started: Instant,
    /// When the bucket will be full again, in nanoseconds since `started`. It is empty when that is one second ahead.
    full_at: AtomicU64,
    left_out: AtomicU64,
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self { started: Instant::now(), full_at: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }
}

impl LogThrottle {
    /// Whether the next line may be written. If so, returns the number of lines left out since the last one.
    pub fn allow_line(&self) -> Option<u64> {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX - SECOND);
        let take = |full_at: u64| Some(full_at.max(now) + REFILL).filter(|full_at| *full_at <= now + SECOND);
        if self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            Some(self.left_out.swap(0, Ordering::Relaxed))
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::AtomicUsize,
        thread::{scope, sleep},
        time::Duration,
    };

    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_left_out_and_counted() {
        let (throttle, written, left_out) = (LogThrottle::default(), AtomicUsize::new(0), AtomicU64::new(0));
        let write = |lines: usize| {
            for count in (0..lines).filter_map(|_| throttle.allow_line()) {
                written.fetch_add(1, Ordering::Relaxed);
                left_out.fetch_add(count, Ordering::Relaxed);
            }
        };
        scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| write(1000)))));
        let burst = written.load(Ordering::Relaxed);
        // A slow machine may take long enough for some more.
        assert!((10..100).contains(&burst), "{burst}");
        sleep(Duration::from_millis(150));
        write(1);
        let written = written.into_inner();
        assert_eq!((written, written as u64 + left_out.into_inner()), (burst + 1, 4001));
    }
}

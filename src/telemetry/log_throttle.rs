//! Lines of the log that come in floods when something is wrong, and must neither fill it nor take time from what goes on.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// How many lines of one kind there are a second.
const LINES: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// One kind of line, of which so many are written a second.
pub struct LogThrottle {
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl Default for LogThrottle {
    fn default() -> Self {
        Self { limiter: RateLimiter::direct(Quota::per_second(LINES)), left_out: AtomicU64::new(0) }
    }
}

impl LogThrottle {
    /// Whether to write the next line, and then, how many before it were left out.
    pub fn next(&self) -> Option<u64> {
        if self.limiter.check().is_ok() {
            Some(self.left_out.swap(0, Ordering::Relaxed))
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_counted() {
        let lines = LogThrottle::default();
        let mut written: Vec<u64> = (0..1000).filter_map(|_| lines.next()).collect();
        // A slow machine may be given some more.
        assert!((10..100).contains(&written.len()), "{written:?}");
        std::thread::sleep(std::time::Duration::from_millis(150));
        written.extend(lines.next());
        assert_eq!(written.iter().sum::<u64>() + written.len() as u64, 1001, "{written:?}");
    }
}

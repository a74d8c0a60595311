//! When a failed delivery is repeated.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The delays between attempts, in seconds. A receiver may be down for a night: the last attempt comes after 28 hours.
const DELAYS: [u64; 7] = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];

/// The largest part of a delay that is added at random. It keeps messages that failed together from returning together.
const MAX_JITTER: f64 = 0.1;

/// The delay before the next attempt, after this number of failed ones. `None` if there is no further attempt. `random` is
/// from 0 to 1. A delay that the receiver requested prolongs it, but does not shorten it.
#[must_use]
pub fn retry_delay(failed_attempts: u32, retry_after: Option<Duration>, random: f64) -> Option<Duration> {
    let index = usize::try_from(failed_attempts.saturating_sub(1)).ok()?;
    let delay = Duration::from_secs(*DELAYS.get(index)?).mul_f64(1.0 + MAX_JITTER * random.clamp(0.0, 1.0));
    Some(delay.max(retry_after.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end_after_the_eighth_attempt() {
        let delays: Vec<_> = (1..=9).map(|failed| retry_delay(failed, None, 0.0)).collect();
        let seconds = [5, 300, 1800, 7200, 18_000, 36_000, 36_000].map(|seconds| Some(Duration::from_secs(seconds)));
        assert_eq!(delays, [&seconds[..], &[None, None]].concat());
        assert_eq!(retry_delay(u32::MAX, None, 0.0), None);
    }

    #[test]
    fn jitter_adds_up_to_a_tenth() {
        assert_eq!(retry_delay(2, None, 0.5), Some(Duration::from_secs(315)));
        assert_eq!(retry_delay(2, None, 1.0), Some(Duration::from_secs(330)));
    }

    #[test]
    fn a_requested_delay_prolongs_but_never_shortens_or_adds_an_attempt() {
        let requested = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(retry_delay(1, requested(120), 0.0), requested(120));
        assert_eq!(retry_delay(3, requested(120), 0.0), requested(1800));
        assert_eq!(retry_delay(8, requested(120), 0.0), None);
    }
}

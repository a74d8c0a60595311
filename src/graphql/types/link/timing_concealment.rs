//! Conceals how long a failed link took, which would tell untrusted callers unknown codes from linked ones.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Untrusted callers receive failures only at full periods after their request. A period is at least this long.
const MIN_PERIOD: Duration = Duration::from_millis(50);

/// The longest period. A shopper who has mistyped a code should not wait longer.
const MAX_PERIOD: Duration = Duration::from_secs(1);

/// How many commits fit into a period. A failure waits for at most two transactions that commit links of other callers: the
/// one before its own, and its own. The period has room for as many again.
const COMMITS_PER_PERIOD: u32 = 4;

/// Waits until the next full period after `started`. `commit`: the time that a commit takes at present.
pub async fn conceal_timing(started: Instant, commit: Duration) {
    let room = commit * COMMITS_PER_PERIOD;
    let steps = u32::try_from(room.as_millis() / MIN_PERIOD.as_millis()).unwrap_or(u32::MAX);
    let period = MIN_PERIOD.saturating_mul(steps.saturating_add(1)).min(MAX_PERIOD);
    let periods = started.elapsed().as_millis() / period.as_millis() + 1;
    sleep_until(started + period * u32::try_from(periods).unwrap_or(u32::MAX)).await;
}

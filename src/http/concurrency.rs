//! Limits how many operations are executed concurrently, and shares that limit fairly.
//!
//! An operation holds *permits* while it is executed: one for each 1,000 of its cost. While permits are free, any caller
//! may acquire them. When none is free, organisations have equal shares of all permits, the roles in an organisation have
//! equal shares of its share, and the callers of a role have equal shares of the role's. A caller below its share waits a
//! short time for the next permit; one at its share is rejected immediately. So a caller that asks for too much only delays
//! itself.

mod capacity;
mod permits;
mod state;
#[cfg(test)]
mod tests;
mod usage;

use std::{sync::Arc, thread::available_parallelism, time::Duration};

use tokio::time::timeout;

use self::{
    capacity::Capacity,
    permits::{Claimed, Limit},
    state::Claim,
};
pub use self::{permits::Permits, state::OperationKind};
use crate::auth::Principal;

/// The cost of an operation for each permit that it holds.
const COST_PER_PERMIT: usize = 1_000;

/// The longest time that a caller below its share waits for permits.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// For every eight permits that any operation may acquire, one more is reserved for mutations.
const PERMITS_PER_RESERVED: u32 = 8;

/// The permits of heavy operations. The largest operation within the default limits takes all of them, and about 150 MB of
/// memory.
const HEAVY_PERMITS: u32 = 500;

/// The permits of large bodies, which have 32 MiB together. A parsed body takes up to four times its length.
const BODY_PERMITS: u32 = 128;

/// The bytes of a body for each permit that it holds.
const BODY_BYTES_PER_PERMIT: usize = 256 * 1024;

/// The permits that a caller's heavy operations may hold or wait for, as a multiple of its share. They take long, so a
/// caller that sends several concurrently should not have to retry.
const HEAVY_QUEUE: u32 = 4;

/// A limit on concurrent work, in permits, which callers share fairly.
#[derive(Clone)]
pub struct ConcurrencyLimit(Arc<Limit>);

impl ConcurrencyLimit {
    /// A limit of this many permits, and at least one.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        let permits = u32::try_from(permits).unwrap_or(u32::MAX / 2).clamp(1, u32::MAX / 2);
        Self(Limit::new("concurrency", Capacity::adaptive(permits), PERMITS_PER_RESERVED, 1))
    }

    /// The limit on heavy operations, which run on threads of their own.
    #[must_use]
    pub fn heavy() -> Self {
        Self(Limit::new("heavy operations", Capacity::fixed(HEAVY_PERMITS), 0, HEAVY_QUEUE))
    }

    /// The limit on large bodies.
    #[must_use]
    pub fn large_bodies() -> Self {
        Self(Limit::new("large bodies", Capacity::fixed(BODY_PERMITS), 0, HEAVY_QUEUE))
    }

    /// Whether no permit is free.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.0.updated_state().has_free_permit(&self.0)
    }

    /// Whether any next operation of a caller would be rejected. Counts a rejection if so.
    #[must_use]
    pub fn rejects(&self, caller: &Principal) -> bool {
        let mut state = self.0.updated_state();
        let claim = Claim { caller: *caller, kind: OperationKind::Mutation, permits: 1 };
        let rejects = !state.fits(&self.0, &claim) && !state.may_wait(&self.0, &claim);
        if rejects {
            self.0.count_rejection(&mut state);
        }
        rejects
    }

    /// Acquires permits for an operation of this cost. `None` if the caller has its share, or none was free in time.
    pub async fn acquire(&self, caller: &Principal, kind: OperationKind, cost: usize) -> Option<Permits> {
        let permits = u32::try_from(cost.div_ceil(COST_PER_PERMIT)).unwrap_or(u32::MAX);
        let waiting = match self.0.claim(Claim { caller: *caller, kind, permits }) {
            Claimed::Granted(permits) => return Some(permits),
            Claimed::Waiting(waiting) => waiting,
            Claimed::Rejected => return None,
        };
        let granted = timeout(MAX_WAIT, waiting).await.ok().flatten();
        if granted.is_none() {
            self.0.count_timeout();
        }
        granted
    }

    /// Acquires permits for heavy work: at least the share of one core, so that heavy work never runs on more threads than
    /// there are cores.
    pub async fn acquire_heavy(&self, caller: &Principal, cost: usize) -> Option<Permits> {
        let cores = available_parallelism().map_or(1, usize::from);
        let cost_per_core = (HEAVY_PERMITS as usize * COST_PER_PERMIT).div_ceil(cores);
        self.acquire(caller, OperationKind::Mutation, cost.max(cost_per_core)).await
    }

    /// Acquires permits for a body of this many bytes.
    pub async fn acquire_for_body(&self, caller: &Principal, bytes: usize) -> Option<Permits> {
        self.acquire(caller, OperationKind::Mutation, bytes.div_ceil(BODY_BYTES_PER_PERMIT) * COST_PER_PERMIT).await
    }
}

//! The rules by which claims are granted, wait or are rejected.

use tokio::sync::oneshot;

use super::{
    capacity::Capacity,
    permits::{Limit, Permits},
    usage::Usage,
};
use crate::auth::Principal;

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    Query,
    /// Some permits are reserved for mutations, so that queries can't keep links out.
    Mutation,
}

/// The permits in use, and the claims that wait for the next ones.
pub struct State {
    pub capacity: Capacity,
    pub usage: Usage,
    pub waiters: Vec<Waiter>,
    pub next_id: u64,
}

/// A claim that waits.
pub struct Waiter {
    pub id: u64,
    pub claim: Claim,
    pub granted: oneshot::Sender<Permits>,
}

/// A caller's claim of permits for one operation.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub caller: Principal,
    pub kind: OperationKind,
    pub permits: u32,
}

impl State {
    /// Whether a permit is free, be it only for mutations.
    pub fn has_free_permit(&self, limit: &Limit) -> bool {
        self.usage.taken() < self.max_permits(limit)
    }

    /// All permits, including those reserved for mutations.
    fn max_permits(&self, limit: &Limit) -> u32 {
        let permits = self.capacity.permits();
        permits + permits.checked_div(limit.permits_per_reserved).unwrap_or(0)
    }

    /// Whether the claimed permits are free.
    pub fn fits(&self, limit: &Limit, claim: &Claim) -> bool {
        // The capacity may have shrunk since the claim was made.
        let permits = claim.permits.min(self.capacity.permits());
        let queries_fit = self.usage.queries() + permits <= self.capacity.permits();
        let is_permitted = claim.kind == OperationKind::Mutation || queries_fit;
        is_permitted && self.usage.taken() + permits <= self.max_permits(limit)
    }

    /// Counts permits as granted.
    pub fn take(&mut self, claim: &Claim) {
        self.capacity.count_granted();
        self.usage.take(claim);
    }

    /// Whether the caller has less than its share, so that its claim may wait.
    pub fn may_wait(&self, limit: &Limit, claim: &Claim) -> bool {
        let share = self.usage.shares(&claim.caller, self.capacity.permits());
        let within = |held: u32, share: u32| held == 0 || held + claim.permits <= share.saturating_mul(limit.queue);
        within(share.held_by_caller, share.of_caller) && within(share.waiting_in_role, share.of_role)
    }

    /// The position of the waiting claim that is next: of the organisation that holds the fewest permits, the role that
    /// holds the fewest in it, and the caller that holds the fewest in that. `None` if its permits are not free.
    pub fn next(&self, limit: &Limit) -> Option<usize> {
        let first = |kinds: &[OperationKind]| {
            let waiters = self.waiters.iter().enumerate().filter(|(_, waiter)| kinds.contains(&waiter.claim.kind));
            waiters.min_by_key(|(position, waiter)| (self.usage.rank(&waiter.claim.caller), *position))
        };
        let (position, next) = first(&[OperationKind::Query, OperationKind::Mutation])?;
        if self.fits(limit, &next.claim) {
            return Some(position);
        }
        // While a query waits for other queries, mutations may take the reserved permits.
        let (position, next) = first(&[OperationKind::Mutation])?;
        self.fits(limit, &next.claim).then_some(position)
    }
}

impl Claim {
    /// Whether `other` must not overtake this waiting claim. Only a mutation may overtake queries, since permits are reserved
    /// for it.
    pub fn goes_before(&self, other: &Self) -> bool {
        self.kind == OperationKind::Mutation || other.kind == OperationKind::Query
    }
}

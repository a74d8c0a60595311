//! The rules by which operations get places, wait for them or are rejected.

use tokio::sync::oneshot;

use super::{Places, Shared, demand::Demand, usage::Usage};
use crate::auth::Principal;

/// What an operation takes places for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A query.
    Query,
    /// A mutation. Some places are reserved for these, so that queries can't keep links out.
    Mutation,
}

/// The places that are taken, and the operations that wait for the next ones.
pub struct State {
    pub demand: Demand,
    pub usage: Usage,
    pub waiting: Vec<Waiting>,
    pub next_id: u64,
}

/// An operation that waits for places.
pub struct Waiting {
    pub id: u64,
    pub claim: Claim,
    pub granted: oneshot::Sender<Places>,
}

/// The number of places that a caller claims, and the kind of operation.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub principal: Principal,
    pub kind: Kind,
    pub places: u32,
}

impl State {
    /// Whether a place is free, if only for a mutation.
    pub fn has_free_place(&self, shared: &Shared) -> bool {
        self.usage.taken() < self.most(shared)
    }

    /// The most places that may be taken, those reserved for mutations among them.
    fn most(&self, shared: &Shared) -> u32 {
        let permitted = self.demand.permitted();
        permitted + permitted.checked_div(shared.places_per_reserved).unwrap_or(0)
    }

    /// Whether the claimed places are free.
    pub fn fits(&self, shared: &Shared, claim: &Claim) -> bool {
        // Fewer may be permitted now than when it was claimed.
        let places = claim.places.min(self.demand.permitted());
        let queries_fit = self.usage.queries() + places <= self.demand.permitted();
        let is_permitted = claim.kind == Kind::Mutation || queries_fit;
        is_permitted && self.usage.taken() + places <= self.most(shared)
    }

    /// Whether a caller has less than its share, so that it may wait for a place.
    pub fn may_wait(&self, shared: &Shared, claim: &Claim) -> bool {
        let share = self.usage.shares(&claim.principal, self.demand.permitted());
        let within = |held: u32, share: u32| held == 0 || held + claim.places <= share.saturating_mul(shared.queue);
        within(share.held_by_caller, share.of_caller) && within(share.waiting_in_role, share.of_role)
    }

    /// The position of the waiting operation that gets the next places: of the organisation that has the least, the role that
    /// has the least in it, and the caller that has the least in that. `None` if there are not enough for it.
    pub fn next(&self, shared: &Shared) -> Option<usize> {
        let first = |kinds: &[Kind]| {
            let waiting = self.waiting.iter().enumerate().filter(|(_, waiting)| kinds.contains(&waiting.claim.kind));
            waiting.min_by_key(|(position, waiting)| (self.usage.rank(&waiting.claim.principal), *position))
        };
        let (position, next) = first(&[Kind::Query, Kind::Mutation])?;
        if self.fits(shared, &next.claim) {
            return Some(position);
        }
        // A query that has to wait for other queries leaves what is reserved to mutations.
        let (position, next) = first(&[Kind::Mutation])?;
        self.fits(shared, &next.claim).then_some(position)
    }
}

impl Claim {
    /// Whether this one, which waits, must not be overtaken by another. A mutation may take what is reserved for it while
    /// queries wait.
    pub fn goes_before(&self, other: &Self) -> bool {
        self.kind == Kind::Mutation || other.kind == Kind::Query
    }
}

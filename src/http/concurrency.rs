//! Limits how many operations are executed concurrently, and shares that limit fairly.
//!
//! An operation holds *places* while it is executed: one for each 1,000 of its cost. As long as
//! places are free, any caller may take them. When all are taken, organisations have equal shares of them, the roles in an
//! organisation have equal shares of its share, and so have the callers of a role. A caller below its share waits a short
//! time for the next place; one at its share is rejected immediately. So callers that ask for too much wait for no one but
//! themselves, and delay no one else.

mod demand;
mod state;
#[cfg(test)]
mod tests;
mod usage;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::available_parallelism,
    time::Duration,
};

use metrics::counter;
use tokio::{sync::oneshot, time::timeout};

pub use self::state::Kind;
use self::{
    demand::Demand,
    state::{Claim, State, Waiting},
    usage::Usage,
};
use crate::auth::Principal;

/// The cost of an operation for each place that it holds.
const COST_PER_PLACE: usize = 1_000;

/// How long a caller below its share waits for a place.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Beside the places that any operation may take, one for each eight of them is for mutations only.
const PLACES_PER_RESERVED: u32 = 8;

/// The places of heavy operations: the largest one that the default limits permit takes all of them, and some 150 MB of
/// memory.
const HEAVY_PLACES: u32 = 500;

/// The places of large bodies, which are 32 MiB together. Parsed, a body takes up to four times its length.
const BODY_PLACES: u32 = 128;

/// The bytes of a body for each place that it takes.
const BYTES_PER_PLACE: usize = 256 * 1024;

/// How many times its share a caller's heavy operations may hold or wait for. They take long, so a caller that sends
/// several at a time should not have to send them again.
const HEAVY_QUEUE: u32 = 4;

/// Places that operations share.
#[derive(Clone)]
pub struct Concurrency(Arc<Shared>);

struct Shared {
    /// One place is reserved for mutations per this number of other places. 0: none.
    places_per_reserved: u32,
    /// How many times its share a caller may hold or wait for.
    queue: u32,
    /// The name of the limit in metrics.
    name: &'static str,
    state: Mutex<State>,
}

/// Places that an operation holds until this is dropped.
#[must_use]
pub struct Places {
    shared: Arc<Shared>,
    claim: Claim,
}

impl Concurrency {
    /// At most this many places, and one at least.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let places = u32::try_from(places).unwrap_or(u32::MAX / 2).clamp(1, u32::MAX / 2);
        Self::with(Demand::new(places), PLACES_PER_RESERVED, 1, "concurrency")
    }

    /// The places of heavy operations, which threads of their own execute.
    #[must_use]
    pub fn heavy() -> Self {
        Self::with(Demand::fixed(HEAVY_PLACES), 0, HEAVY_QUEUE, "heavy operations")
    }

    /// The places of large bodies.
    #[must_use]
    pub fn large_bodies() -> Self {
        Self::with(Demand::fixed(BODY_PLACES), 0, HEAVY_QUEUE, "large bodies")
    }

    fn with(demand: Demand, places_per_reserved: u32, queue: u32, name: &'static str) -> Self {
        let state = State { demand, usage: Usage::default(), waiting: Vec::new(), next_id: 0 };
        Self(Arc::new(Shared { places_per_reserved, queue, name, state: Mutex::new(state) }))
    }

    /// Whether all places are taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let mut state = self.0.lock();
        state.demand.update();
        !state.has_free_place(&self.0)
    }

    /// Whether another operation of a caller is rejected, whatever it asks for.
    #[must_use]
    pub fn rejects(&self, principal: &Principal) -> bool {
        let mut state = self.0.lock();
        state.demand.update();
        let claim = Claim { principal: *principal, kind: Kind::Mutation, places: 1 };
        let rejects = !state.fits(&self.0, &claim) && !state.may_wait(&self.0, &claim);
        if rejects {
            self.0.count_rejection(&mut state);
        }
        rejects
    }

    /// Takes places for an operation of this cost, if the caller gets them in time.
    pub async fn take(&self, principal: &Principal, kind: Kind, cost: usize) -> Option<Places> {
        let places = u32::try_from(cost.div_ceil(COST_PER_PLACE)).unwrap_or(u32::MAX);
        self.take_places(Claim { principal: *principal, kind, places }).await
    }

    /// Takes places for heavy work: as many as for one core at least, so that it can't keep all cores busy several times
    /// over.
    pub async fn take_heavy(&self, principal: &Principal, cost: usize) -> Option<Places> {
        let cores = available_parallelism().map_or(1, usize::from);
        let share = (HEAVY_PLACES as usize * COST_PER_PLACE).div_ceil(cores);
        self.take(principal, Kind::Mutation, cost.max(share)).await
    }

    /// Takes places for a body of this length.
    pub async fn take_for_bytes(&self, principal: &Principal, bytes: usize) -> Option<Places> {
        self.take(principal, Kind::Mutation, bytes.div_ceil(BYTES_PER_PLACE) * COST_PER_PLACE).await
    }

    async fn take_places(&self, claim: Claim) -> Option<Places> {
        let waits = match self.0.claim(claim) {
            Ok(places) => return Some(places),
            Err(waits) => waits?,
        };
        let granted = timeout(MAX_WAIT, waits).await.ok().flatten();
        if granted.is_none() {
            counter!("promolink_refusals_total", "limit" => self.0.name).increment(1);
        }
        granted
    }
}

impl Shared {
    /// Takes places if they are free, or returns the wait for them. `Err(None)`: the caller has its share.
    fn claim(self: &Arc<Self>, mut claim: Claim) -> Result<Places, Option<Waits>> {
        let mut state = self.lock();
        if state.demand.update() {
            // More may be permitted now.
            let undelivered = self.grant(&mut state);
            drop(state);
            drop(undelivered);
            state = self.lock();
        }
        claim.places = claim.places.clamp(1, state.demand.permitted());
        if state.fits(self, &claim) && !state.waiting.iter().any(|other| other.claim.goes_before(&claim)) {
            state.demand.count_taken();
            state.usage.take(&claim);
            return Ok(Places { shared: Arc::clone(self), claim });
        }
        if !state.may_wait(self, &claim) {
            self.count_rejection(&mut state);
            return Err(None);
        }
        let (granted, receiver) = oneshot::channel();
        let id = state.next_id;
        state.next_id += 1;
        state.usage.wait(&claim);
        state.waiting.push(Waiting { id, claim, granted });
        Err(Some(Waits { shared: Arc::clone(self), id, receiver }))
    }

    fn count_rejection(&self, state: &mut State) {
        state.demand.count_rejected();
        counter!("promolink_refusals_total", "limit" => self.name).increment(1);
    }

    /// Grants free places to waiting operations. Returns places whose operation has been cancelled, to be dropped without
    /// the lock.
    #[must_use]
    fn grant(self: &Arc<Self>, state: &mut State) -> Vec<Places> {
        let mut undelivered = Vec::new();
        while let Some(next) = state.next(self) {
            let Waiting { claim, granted, .. } = state.waiting.remove(next);
            state.usage.stop_waiting(&claim);
            state.usage.take(&claim);
            state.demand.count_taken();
            undelivered.extend(granted.send(Places { shared: Arc::clone(self), claim }).err());
        }
        undelivered
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.usage.release(&self.claim);
        let undelivered = self.shared.grant(&mut state);
        drop(state);
        drop(undelivered);
    }
}

/// The wait for places. Dropping it gives up the turn.
struct Waits {
    shared: Arc<Shared>,
    id: u64,
    receiver: oneshot::Receiver<Places>,
}

impl Future for Waits {
    type Output = Option<Places>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Places>> {
        Pin::new(&mut self.receiver).poll(context).map(Result::ok)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(position) = state.waiting.iter().position(|waiting| waiting.id == self.id) {
            let Waiting { claim, .. } = state.waiting.remove(position);
            state.usage.stop_waiting(&claim);
            // It may have kept smaller ones from going on.
            let undelivered = self.shared.grant(&mut state);
            drop(state);
            drop(undelivered);
        }
    }
}

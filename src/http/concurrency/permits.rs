//! Permits: how they are claimed, granted and released.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use metrics::{Counter, counter};
use tokio::sync::oneshot;

use super::{
    capacity::Capacity,
    state::{Claim, State, Waiter},
    usage::Usage,
};

/// A limit and its current state.
pub struct Limit {
    /// The value of the label `limit` in metrics.
    name: &'static str,
    /// One permit is reserved for mutations per this number of other permits. 0 for none.
    pub permits_per_reserved: u32,
    /// The permits that a caller may hold or wait for, as a multiple of its share.
    pub queue: u32,
    state: Mutex<State>,
}

/// The permits that an operation holds until this is dropped.
#[must_use]
pub struct Permits {
    limit: Arc<Limit>,
    claim: Claim,
}

/// The outcome of a claim.
pub enum Claimed {
    Granted(Permits),
    Waiting(WaitForPermits),
    /// The caller has its share.
    Rejected,
}

impl Limit {
    pub fn new(name: &'static str, capacity: Capacity, permits_per_reserved: u32, queue: u32) -> Arc<Self> {
        let state = State { capacity, usage: Usage::default(), waiters: Vec::new(), next_id: 0 };
        Arc::new(Self { name, permits_per_reserved, queue, state: Mutex::new(state) })
    }

    /// Claims permits. If they are not free, the claim waits or is rejected.
    pub fn claim(self: &Arc<Self>, mut claim: Claim) -> Claimed {
        let mut state = self.lock();
        if state.capacity.update() {
            // The capacity may have grown.
            let undelivered = self.grant(&mut state);
            drop(state);
            drop(undelivered);
            state = self.lock();
        }
        claim.permits = claim.permits.clamp(1, state.capacity.permits());
        if state.fits(self, &claim) && !state.waiters.iter().any(|waiter| waiter.claim.goes_before(&claim)) {
            state.take(&claim);
            return Claimed::Granted(Permits { limit: Arc::clone(self), claim });
        }
        if !state.may_wait(self, &claim) {
            self.count_rejection(&mut state);
            return Claimed::Rejected;
        }
        let (granted, receiver) = oneshot::channel();
        let id = state.next_id;
        state.next_id += 1;
        state.usage.add_waiting(&claim);
        state.waiters.push(Waiter { id, claim, granted });
        Claimed::Waiting(WaitForPermits { limit: Arc::clone(self), id, receiver })
    }

    /// The state, with the capacity up to date.
    pub fn updated_state(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.capacity.update();
        state
    }

    /// Counts a claim that was rejected because the caller has its share.
    pub fn count_rejection(&self, state: &mut State) {
        state.capacity.count_rejected();
        self.rejections().increment(1);
    }

    /// Counts a claim that was not granted in time.
    pub fn count_timeout(&self) {
        self.rejections().increment(1);
    }

    fn rejections(&self) -> Counter {
        counter!("promolink_refusals_total", "limit" => self.name)
    }

    /// Grants free permits to waiting claims. Returns permits whose operation has been cancelled, to be dropped without
    /// the lock.
    #[must_use]
    fn grant(self: &Arc<Self>, state: &mut State) -> Vec<Permits> {
        let mut undelivered = Vec::new();
        while let Some(next) = state.next(self) {
            let Waiter { claim, granted, .. } = state.waiters.remove(next);
            state.usage.remove_waiting(&claim);
            state.take(&claim);
            undelivered.extend(granted.send(Permits { limit: Arc::clone(self), claim }).err());
        }
        undelivered
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        let mut state = self.limit.lock();
        state.usage.release(&self.claim);
        let undelivered = self.limit.grant(&mut state);
        drop(state);
        drop(undelivered);
    }
}

/// Completes when the permits are granted. Dropping it withdraws the claim.
pub struct WaitForPermits {
    limit: Arc<Limit>,
    id: u64,
    receiver: oneshot::Receiver<Permits>,
}

impl Future for WaitForPermits {
    type Output = Option<Permits>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Permits>> {
        Pin::new(&mut self.receiver).poll(context).map(Result::ok)
    }
}

impl Drop for WaitForPermits {
    fn drop(&mut self) {
        let mut state = self.limit.lock();
        if let Some(position) = state.waiters.iter().position(|waiter| waiter.id == self.id) {
            let Waiter { claim, .. } = state.waiters.remove(position);
            state.usage.remove_waiting(&claim);
            // This claim may have kept smaller ones waiting.
            let undelivered = self.limit.grant(&mut state);
            drop(state);
            drop(undelivered);
        }
    }
}

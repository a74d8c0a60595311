//! A budget for each of many keys: the `governor` crate's, over a store that is bounded and lets what was taken be given
//! back.

use std::{
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    nanos::Nanos,
    state::StateStore,
};
use lru::LruCache;

/// How many keys have a state at once. Of more, those that were used the longest ago start anew.
const MAX_KEYS: usize = 65_536;

/// How many may be reserved of one key at once, though there be more: links under way wait in a queue that is for
/// everyone, and one caller must not fill it.
const MAX_RESERVED: u32 = 1024;

/// So much in so much time for each key, all of it at once at first.
pub struct Budget<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, States<K>, MonotonicClock>,
    states: States<K>,
    /// What one costs, in time.
    each: Nanos,
    started: Instant,
    /// Held while one is reserved or released, so that whoever finds none left knows whether one may come back.
    reserving: Mutex<()>,
}

/// Why none can be reserved.
#[derive(Debug, PartialEq, Eq)]
pub enum NoneLeft {
    /// Others are reserved, and may come back at any moment.
    Reserved,
    /// All are spent. There will be one after this time.
    Spent(Duration),
}

impl<K: Hash + Eq + Clone> Budget<K> {
    /// All keys have all of the quota.
    pub fn new(quota: Quota) -> Self {
        let states = States(Arc::new(Mutex::new(LruCache::unbounded())));
        Self {
            limiter: RateLimiter::new(quota, states.clone(), MonotonicClock),
            states,
            each: quota.replenish_interval().into(),
            started: Instant::now(),
            reserving: Mutex::default(),
        }
    }

    /// Takes one, or says how long to wait for it.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(MonotonicClock.now()))
    }

    /// Takes one that will be released.
    pub fn reserve(&self, key: &K) -> Result<(), NoneLeft> {
        let _alone = lock(&self.reserving);
        if self.states.lock().peek(key).is_some_and(|state| state.reserved >= MAX_RESERVED) {
            return Err(NoneLeft::Reserved);
        }
        let taken = self.take(key);
        let mut states = self.states.lock();
        match (taken, states.get_mut(key)) {
            (Ok(()), Some(state)) => state.reserved += 1,
            (Ok(()), None) => {}
            (Err(_), Some(State { reserved: 1.., .. })) => return Err(NoneLeft::Reserved),
            (Err(wait), _) => return Err(NoneLeft::Spent(wait)),
        }
        Ok(())
    }

    /// Releases one that was reserved: it comes back, or is spent.
    pub fn release(&self, key: &K, comes_back: bool) {
        let _alone = lock(&self.reserving);
        let mut states = self.states.lock();
        let Some(state) = states.get_mut(key) else { return };
        state.reserved = state.reserved.saturating_sub(1);
        if comes_back {
            state.full_at = state.full_at.saturating_sub(self.each);
        }
        // One that has all of its quota is like one that was never seen.
        if state.reserved == 0 && state.full_at <= self.started.elapsed().into() {
            states.pop(key);
        }
    }
}

#[derive(Clone, Copy)]
struct State {
    /// When the key will have all of its quota again, since the start.
    full_at: Nanos,
    /// How many are reserved.
    reserved: u32,
}

#[derive(Clone)]
struct States<K: Hash + Eq>(Arc<Mutex<LruCache<K, State>>>);

impl<K: Hash + Eq> States<K> {
    fn lock(&self) -> MutexGuard<'_, LruCache<K, State>> {
        lock(&self.0)
    }
}

impl<K: Hash + Eq + Clone> StateStore for States<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut states = self.lock();
        let state = states.get(key).copied();
        let (outcome, full_at) = measure(state.map(|state| state.full_at))?;
        states.put(key.clone(), State { full_at, reserved: state.map_or(0, |state| state.reserved) });
        if states.len() > MAX_KEYS {
            states.pop_lru();
        }
        Ok(outcome)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn budget(an_hour: u32) -> Budget<u32> {
        Budget::new(Quota::per_hour(NonZeroU32::new(an_hour).unwrap()))
    }

    #[test]
    fn each_key_has_its_own_and_no_more() {
        let budget = budget(2);
        assert!(budget.take(&1).is_ok() && budget.take(&1).is_ok());
        let wait = budget.take(&1).unwrap_err();
        assert!(wait > Duration::from_mins(29) && wait <= Duration::from_mins(30), "{wait:?}");
        assert!(budget.take(&2).is_ok());
    }

    #[test]
    fn what_comes_back_can_be_taken_again() {
        let budget = budget(2);
        for _ in 0..100 {
            budget.reserve(&1).unwrap();
            budget.release(&1, true);
        }
        assert!(budget.states.lock().is_empty(), "nothing is kept of who has all of it");
        assert!(budget.take(&1).is_ok() && budget.take(&1).is_ok() && budget.take(&1).is_err());
    }

    #[test]
    fn what_is_reserved_may_come_back_and_what_is_spent_does_not() {
        let budget = budget(2);
        assert_eq!((budget.reserve(&1), budget.reserve(&1)), (Ok(()), Ok(())));
        assert_eq!(budget.reserve(&1), Err(NoneLeft::Reserved));
        budget.release(&1, false);
        assert_eq!(budget.reserve(&1), Err(NoneLeft::Reserved), "the other one is still out");
        budget.release(&1, false);
        assert!(matches!(budget.reserve(&1), Err(NoneLeft::Spent(_))));
    }

    #[test]
    fn nobody_reserves_more_than_a_share() {
        let budget = budget(100_000);
        for _ in 0..MAX_RESERVED {
            budget.reserve(&1).unwrap();
        }
        assert_eq!((budget.reserve(&1), budget.reserve(&2)), (Err(NoneLeft::Reserved), Ok(())));
        budget.release(&1, false);
        assert_eq!(budget.reserve(&1), Ok(()));
    }

    #[test]
    fn more_keys_than_it_can_hold_do_not_make_it_grow() {
        let budget = budget(1);
        let last = u32::try_from(MAX_KEYS).unwrap() + 1000;
        for key in 0..last {
            budget.take(&key).unwrap();
        }
        assert_eq!(budget.states.lock().len(), MAX_KEYS);
        assert!(budget.take(&(last - 1)).is_err(), "those seen last are remembered");
    }
}

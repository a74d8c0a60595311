//! How many requests go on at once: beyond, more would only make all of them slower.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// How many places there are while more is asked than the server can do: one of so many. The fewer go on, the sooner each
/// is answered.
const SHARE: usize = 4;

/// For how long there are so few, in milliseconds. Then all are given again, since nobody knows whether that many are
/// still asked for.
const SHORT: u64 = 5_000;

/// The places for requests.
///
/// All are given while they last: a burst is worked off at full speed, and nobody is refused. Where they do not last,
/// a long queue would be of no use to anyone.
#[derive(Clone)]
pub struct Places {
    count: usize,
    free: Arc<Semaphore>,
    made: Instant,
    /// Until when there are few, in milliseconds since these were made.
    few_until: Arc<AtomicU64>,
}

impl Places {
    /// So many, but one at least.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self { count, free: Arc::new(Semaphore::new(count)), made: Instant::now(), few_until: Arc::default() }
    }

    /// Whether a place is free. If there is none of all of them, there are few from now on.
    #[must_use]
    pub fn any(&self) -> bool {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        let few = now < self.few_until.load(Ordering::Relaxed);
        let given = if few { (self.count / SHARE).max(1) } else { self.count };
        let any = self.free.available_permits() > self.count - given;
        if !any && !few {
            self.few_until.store(now.saturating_add(SHORT), Ordering::Relaxed);
        }
        any
    }

    /// A place until it is dropped, if one is free.
    #[must_use]
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.any().then(|| Arc::clone(&self.free).try_acquire_owned().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn places_are_few_for_a_while_after_there_were_not_enough() {
        let places = Places::new(2 * SHARE);
        let mut taken: Vec<_> = (0..2 * SHARE).map(|_| places.take().unwrap()).collect();
        assert!(places.take().is_none());
        // Two are left, which are as many as there may be now.
        taken.truncate(2);
        assert!(places.take().is_none());
        taken.pop();
        taken.push(places.take().unwrap());
        assert!(!places.any());

        tokio::time::advance(std::time::Duration::from_millis(SHORT)).await;
        taken.extend((2..2 * SHARE).map(|_| places.take().unwrap()));
        assert!(places.take().is_none());
    }

    #[test]
    fn one_place_stays() {
        let places = Places::new(1);
        let taken = places.take();
        assert!(taken.is_some() && places.take().is_none());
        drop(taken);
        assert!(places.any());
    }
}

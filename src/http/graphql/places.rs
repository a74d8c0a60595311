//! How many requests go on at once: beyond, more would only make all of them slower.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// How many places there are for each core while more is asked than the server can do: a half of all at most. The fewer
/// go on, the sooner each is answered, but it takes so many to keep a core busy, as they wait for the database in turns.
const FEW_PER_CORE: usize = 24;

/// How long one looks at what is taken and refused, to see whether too much is asked.
const ROUND: Duration = Duration::from_millis(100);

/// For how long there are few at most. Then all are given again, since by what few can do nobody knows what all could.
const FEW_AT_MOST: Duration = Duration::from_secs(10);

/// The places for requests.
///
/// All are given while they last: a burst is worked off at full speed. While more is refused than taken, a long queue
/// would be of no use to anyone, and few are given.
#[derive(Clone)]
pub struct Places {
    count: usize,
    few: usize,
    free: Arc<Semaphore>,
    demand: Arc<Mutex<Demand>>,
}

/// What was asked for of late.
struct Demand {
    /// When this round began.
    since: Instant,
    taken: usize,
    refused: usize,
    /// Since when there are few.
    few_since: Option<Instant>,
}

impl Demand {
    fn of_nobody(few_since: Option<Instant>) -> Self {
        Self { since: Instant::now(), taken: 0, refused: 0, few_since }
    }
}

impl Places {
    /// So many, but one at least.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            count,
            few: (FEW_PER_CORE * cores).min(count.div_ceil(2)),
            free: Arc::new(Semaphore::new(count)),
            demand: Arc::new(Mutex::new(Demand::of_nobody(None))),
        }
    }

    /// Whether a place is free.
    #[must_use]
    pub fn any(&self) -> bool {
        self.ask(|_| ()).is_some()
    }

    /// A place until it is dropped, if one is free.
    #[must_use]
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.ask(|demand| {
            demand.taken += 1;
            Arc::clone(&self.free).try_acquire_owned().ok()
        })
        .flatten()
    }

    /// Does this if a place is free.
    fn ask<T>(&self, with_place: impl FnOnce(&mut Demand) -> T) -> Option<T> {
        let mut demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner);
        if demand.since.elapsed() >= ROUND {
            let still = demand.refused > demand.taken;
            let few_since = demand.few_since.filter(|since| still && since.elapsed() < FEW_AT_MOST);
            *demand = Demand::of_nobody(few_since);
        }
        let given = if demand.few_since.is_some() { self.few } else { self.count };
        if self.free.available_permits() > self.count - given {
            return Some(with_place(&mut demand));
        }
        demand.refused += 1;
        // More than a short stop can make wait, and more than is done.
        if demand.few_since.is_none() && demand.refused > demand.taken.max(self.count) {
            *demand = Demand::of_nobody(Some(Instant::now()));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const COUNT: usize = 10;
    const FEW: usize = 5;

    /// All places taken, and as many refused beyond.
    fn full(places: &Places) -> Vec<OwnedSemaphorePermit> {
        let taken: Vec<_> = (0..COUNT).map(|_| places.take().unwrap()).collect();
        assert!((0..COUNT).all(|_| places.take().is_none()));
        taken
    }

    /// How many there are, if nobody has one.
    fn given(places: &Places) -> usize {
        let taken: Vec<_> = (0..COUNT).map_while(|_| places.take()).collect();
        taken.len()
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_given_if_there_were_too_few_for_a_moment() {
        let places = Places::new(COUNT);
        for _ in 0..3 {
            drop(full(&places));
            advance(ROUND).await;
        }
        assert_eq!(given(&places), COUNT);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_few_while_more_is_refused_than_taken() {
        let places = Places::new(COUNT);
        let mut taken = full(&places);
        assert!(!places.any());
        // As many are left as there may be now.
        taken.truncate(FEW);
        assert!(places.take().is_none());
        drop(taken);
        for _ in 0..3 {
            assert_eq!(given(&places), FEW);
            let taken: Vec<_> = (0..FEW).map_while(|_| places.take()).collect();
            assert!((0..20).all(|_| places.take().is_none()));
            drop(taken);
            advance(ROUND).await;
        }
        assert_eq!(given(&places), FEW, "more was refused in the round before");
        drop(places.take());
        advance(ROUND).await;
        assert_eq!(given(&places), COUNT);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_never_few_for_long() {
        let places = Places::new(COUNT);
        drop((full(&places), places.any()));
        let mut rounds = 0;
        while given(&places) == FEW {
            let _taken: Vec<_> = (0..FEW).map_while(|_| places.take()).collect();
            assert!((0..20).all(|_| places.take().is_none()));
            advance(ROUND).await;
            rounds += 1;
        }
        assert_eq!(ROUND * rounds, FEW_AT_MOST);
    }

    #[test]
    fn one_place_stays() {
        let places = Places::new(1);
        let taken = places.take();
        assert!(taken.is_some() && (0..5).all(|_| places.take().is_none()));
        drop(taken);
        assert!(places.any());
    }
}

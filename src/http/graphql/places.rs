//! How many requests go on at once: beyond, more would only make all of them slower.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use metrics::{Gauge, gauge};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// How many places there are for each core when too much is asked: a half of all at most. So many keep a core busy if the
/// database is done within a millisecond or two; where it is not, more are given.
const FEW_PER_CORE: usize = 24;

/// How long one looks at what is taken and refused, before it is decided how many places are given.
const ROUND: Duration = Duration::from_millis(100);

/// How long what was found out lasts, while too much is asked.
const FOUND_OUT_FOR: Duration = Duration::from_secs(10);

/// The places for requests.
///
/// All are given while they last: a burst is worked off at full speed. While more is refused than taken, a long queue
/// would be of no use to anyone: the fewer go on, the sooner each is answered. So few are given then, and twice as many
/// only where that lets more be done.
#[derive(Clone)]
pub struct Places {
    count: usize,
    few: usize,
    free: Arc<Semaphore>,
    demand: Arc<Mutex<Demand>>,
}

/// What is asked for in this round, and how many places are given.
struct Demand {
    since: Instant,
    taken: usize,
    refused: usize,
    given: usize,
    /// While too much is asked.
    search: Option<Search>,
    /// Tells how many are given.
    gauge: Gauge,
}

/// The search for how many places let the most be done.
struct Search {
    since: Instant,
    step: Step,
}

enum Step {
    /// More than are given now may still go on from before.
    Waiting,
    /// So many are taken in a round.
    Counting,
    /// More are given, since a round ago fewer were, and so many taken.
    Trying { fewer: usize, taken: usize },
    /// It was found out.
    Done,
}

impl Places {
    /// So many, but one at least.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        let cores = available_parallelism().map_or(1, usize::from);
        let gauge = gauge!("promolink_concurrency");
        let demand = Demand { since: Instant::now(), taken: 0, refused: 0, given: count, search: None, gauge };
        demand.tell();
        Self {
            count,
            few: (FEW_PER_CORE * cores).min(count.div_ceil(2)),
            free: Arc::new(Semaphore::new(count)),
            demand: Arc::new(Mutex::new(demand)),
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
            demand.decide(self.few, self.count);
        }
        if self.free.available_permits() > self.count - demand.given {
            return Some(with_place(&mut demand));
        }
        demand.refused += 1;
        // Not only when the round is over, if it is more than a short stop can make wait.
        if demand.search.is_none() && demand.refused > demand.taken.max(self.count) {
            demand.decide(self.few, self.count);
        }
        None
    }
}

impl Demand {
    /// Ends the round.
    fn decide(&mut self, few: usize, count: usize) {
        let now = Instant::now();
        let too_much = self.refused > self.taken;
        let search = self.search.take().filter(|search| too_much && now - search.since < FOUND_OUT_FOR);
        (self.given, self.search) = match search {
            None if !too_much => (count, None),
            None => (few, Some(Search { since: now, step: Step::Waiting })),
            Some(Search { since, step }) => {
                let (given, step) = step.next(self.given, self.taken, count);
                (given, Some(Search { since, step }))
            }
        };
        (self.since, self.taken, self.refused) = (now, 0, 0);
        self.tell();
    }

    fn tell(&self) {
        self.gauge.set(u32::try_from(self.given).unwrap_or(u32::MAX));
    }
}

impl Step {
    /// How many to give after a round in which so many were given and so many taken.
    fn next(self, given: usize, taken: usize, count: usize) -> (usize, Self) {
        let twice = given.saturating_mul(2).min(count);
        match self {
            Self::Waiting => (given, Self::Counting),
            Self::Counting => (twice, Self::Trying { fewer: given, taken }),
            // Where twice as many let almost twice as much be done, it is places that there are too few of.
            Self::Trying { taken: before, .. } if taken > before / 4 * 7 => {
                (twice, if given < count { Self::Trying { fewer: given, taken } } else { Self::Done })
            }
            Self::Trying { fewer, .. } => (fewer, Self::Done),
            Self::Done => (given, Self::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const COUNT: usize = 16;
    const FEW: usize = 8;

    /// How many are given at once, of which none is kept.
    fn given(places: &Places) -> usize {
        let taken: Vec<_> = (0..COUNT).map_while(|_| places.take()).collect();
        taken.len()
    }

    /// A round with so many taken, none of which is kept, and many more refused.
    async fn round(places: &Places, taken: usize) {
        {
            let mut demand = places.demand.lock().unwrap();
            (demand.taken, demand.refused) = (taken, 1_000_000);
        }
        advance(ROUND).await;
        assert!(places.any());
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_given_if_there_were_too_few_for_a_moment() {
        let places = Places::new(COUNT);
        let taken: Vec<_> = (0..COUNT).map_while(|_| places.take()).collect();
        assert_eq!(taken.len(), COUNT);
        assert!((0..COUNT).all(|_| !places.any()));
        drop(taken);
        assert_eq!(given(&places), COUNT, "as many were refused as taken");
    }

    #[tokio::test(start_paused = true)]
    async fn few_are_given_as_soon_as_more_than_all_is_refused() {
        let places = Places::new(COUNT);
        let mut taken: Vec<_> = (0..COUNT).map_while(|_| places.take()).collect();
        assert!((0..=COUNT).all(|_| places.take().is_none()));
        taken.truncate(FEW);
        assert!(places.take().is_none(), "as many are left as there may be now");
        drop(taken);
        assert_eq!(given(&places), FEW);
    }

    #[tokio::test(start_paused = true)]
    async fn few_are_given_after_a_round_in_which_more_was_refused_than_taken_and_all_after_another() {
        let places = Places::new(COUNT);
        let taken: Vec<_> = (0..COUNT).map_while(|_| places.take()).collect();
        advance(ROUND).await;
        assert!(!places.any(), "in a round of its own");
        advance(ROUND).await;
        drop(taken);
        assert_eq!(given(&places), FEW);
        advance(ROUND).await;
        assert_eq!(given(&places), COUNT);
    }

    #[tokio::test(start_paused = true)]
    async fn more_are_given_only_where_that_lets_more_be_done() {
        for (second, then) in [(1750, FEW), (1751, COUNT)] {
            let places = Places::new(COUNT);
            round(&places, 0).await;
            assert_eq!(given(&places), FEW);
            round(&places, 1).await;
            assert_eq!(given(&places), FEW);
            round(&places, 1000).await;
            assert_eq!(given(&places), COUNT, "tried");
            round(&places, second).await;
            assert_eq!(given(&places), then);
            round(&places, 1).await;
            assert_eq!(given(&places), then);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_out_does_not_last() {
        let places = Places::new(COUNT);
        for taken in [0, 1, 1000, 1751] {
            round(&places, taken).await;
        }
        let mut rounds = 3;
        while given(&places) == COUNT {
            round(&places, 1).await;
            rounds += 1;
        }
        assert_eq!(ROUND * rounds, FOUND_OUT_FOR);
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

//! The order in which links are taken: first come, first served within an organisation, and equal shares between them.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use super::job::Job;
use crate::promotions::{CodeKey, OrgId};

/// The maximum number of links that wait, of all organisations. At ten thousand links a second this is some 400 ms of work:
/// past it, waiting longer does not help.
pub const QUEUE_LENGTH: usize = 4096;

/// The longest time that a link waits before it is rejected. In a queue that does not get shorter, all links would wait as
/// long.
pub const MAX_WAIT: Duration = Duration::from_secs(1);

/// The maximum number of links in a transaction. A few hundred already amortise the commit; a larger batch would only hold
/// its locks longer.
pub const MAX_BATCH: usize = 512;

/// A queue per code, so that no two batches contend for the lock of a code.
pub struct FairQueue {
    /// The most organisations of a batch.
    orgs_per_batch: usize,
    codes: HashMap<CodeKey, CodeQueue>,
    /// The codes with jobs and without a batch.
    ready: ReadyCodes,
    /// The number of jobs in the queue.
    pub length: usize,
    /// The number of jobs of each organisation that has some.
    by_org: HashMap<OrgId, usize>,
    /// The number of batches that were taken, and at which of them each organisation with jobs had its last turn.
    batches: u64,
    last_turns: HashMap<OrgId, u64>,
}

/// The ready codes of each organisation, by the arrival of their first job.
type ReadyCodes = HashMap<OrgId, BTreeMap<u64, CodeKey>>;

#[derive(Default)]
struct CodeQueue {
    jobs: VecDeque<Job>,
    /// Whether a batch has links of this code.
    busy: bool,
    /// Whether another transaction held the lock of the code at the last attempt.
    locked: bool,
}

/// Jobs that left the queue.
#[derive(Default)]
pub struct Taken {
    /// At most [`MAX_BATCH`] jobs, in order of arrival. Their codes are busy until they are released.
    pub batch: Vec<Job>,
    /// Jobs that waited longer than [`MAX_WAIT`], and whether their code was locked.
    pub late: Vec<(Job, bool)>,
}

impl FairQueue {
    /// `mixes_orgs`: whether a batch may have several organisations.
    pub fn new(mixes_orgs: bool) -> Self {
        Self {
            orgs_per_batch: if mixes_orgs { MAX_BATCH } else { 1 },
            codes: HashMap::new(),
            ready: ReadyCodes::new(),
            length: 0,
            by_org: HashMap::new(),
            batches: 0,
            last_turns: HashMap::new(),
        }
    }

    pub fn add(&mut self, job: Job) {
        let code = self.codes.entry(job.request.key.clone()).or_default();
        if code.jobs.is_empty() && !code.busy {
            make_ready(&mut self.ready, job.waiter.arrival, job.request.key.clone());
        }
        let org = job.request.key.org;
        code.jobs.push_back(job);
        self.count(org);
    }

    /// Returns taken jobs to the front of the queue of their code, which stays busy.
    pub fn put_back(&mut self, jobs: Vec<Job>) {
        for job in jobs.into_iter().rev() {
            self.count(job.request.key.org);
            self.codes.entry(job.request.key.clone()).or_default().jobs.push_front(job);
        }
    }

    /// Whether another job of an organisation may wait: while it has fewer than three times the free capacity. A single
    /// organisation thus gets three quarters of the queue, and there is always room for another one.
    pub fn has_room(&self, org: OrgId) -> bool {
        let free = QUEUE_LENGTH.saturating_sub(self.length);
        self.by_org.get(&org).copied().unwrap_or_default() < 3 * free
    }

    fn count(&mut self, org: OrgId) {
        self.length += 1;
        *self.by_org.entry(org).or_default() += 1;
    }

    fn discount(&mut self, org: OrgId, jobs: usize) {
        self.length -= jobs;
        if let Some(count) = self.by_org.get_mut(&org) {
            *count -= jobs;
            if *count == 0 {
                self.by_org.remove(&org);
                self.last_turns.remove(&org);
            }
        }
    }

    /// Whether there are links that can be taken.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub fn take(&mut self) -> Taken {
        let mut taken = Taken::default();
        let jobs = |org: &OrgId| self.by_org.get(org).copied().unwrap_or_default();
        let first = |codes: &BTreeMap<u64, CodeKey>| codes.keys().next().copied();
        // Organisations with few jobs come first, so that the others get the rest of their shares. If there are too many for
        // each to have a job in the batch, they take turns, and those that have waited longest come first.
        let is_crowded = self.ready.len() > self.orgs_per_batch;
        let turn = |org: &OrgId| self.last_turns.get(org).copied().unwrap_or_default();
        let rank = |org: &OrgId| if is_crowded { turn(org) } else { jobs(org) as u64 };
        let mut orgs: Vec<_> = self.ready.iter().map(|(org, codes)| (rank(org), first(codes), *org)).collect();
        orgs.sort_unstable();
        orgs.truncate(self.orgs_per_batch);
        self.batches += 1;
        for (index, (_, _, org)) in orgs.iter().enumerate() {
            let room = MAX_BATCH - taken.batch.len();
            if room == 0 {
                break;
            }
            let share = (room / (orgs.len() - index)).max(1);
            self.last_turns.insert(*org, self.batches);
            self.take_of(*org, taken.batch.len() + share, &mut taken);
        }
        taken.batch.sort_unstable_by_key(|job| job.waiter.arrival);
        taken
    }

    /// Takes jobs of an organisation until the batch has this length.
    fn take_of(&mut self, org: OrgId, length: usize, taken: &mut Taken) {
        let Taken { batch, late } = taken;
        let mut ready = self.ready.remove(&org).unwrap_or_default();
        while batch.len() < length
            && let Some((_, key)) = ready.pop_first()
            && let Some(code) = self.codes.get_mut(&key)
        {
            let before = code.jobs.len();
            while code.jobs.front().is_some_and(|job| job.waiter.waited() > MAX_WAIT)
                && let Some(job) = code.jobs.pop_front()
            {
                late.push((job, code.locked));
            }
            let count = code.jobs.len().min(length - batch.len());
            batch.extend(code.jobs.drain(..count));
            let removed = before - code.jobs.len();
            code.busy = count > 0;
            if !code.busy {
                self.codes.remove(&key);
            }
            self.discount(org, removed);
        }
        if !ready.is_empty() {
            self.ready.insert(org, ready);
        }
    }

    /// Ends the batch of a code. `locked`: another transaction holds its lock.
    pub fn release(&mut self, key: &CodeKey, locked: bool) {
        let Some(code) = self.codes.get_mut(key) else { return };
        code.busy = false;
        code.locked = locked;
        match code.jobs.front() {
            Some(first) => make_ready(&mut self.ready, first.waiter.arrival, key.clone()),
            None => drop(self.codes.remove(key)),
        }
    }
}

fn make_ready(ready: &mut ReadyCodes, arrival: u64, key: CodeKey) {
    ready.entry(key.org).or_default().insert(arrival, key);
}

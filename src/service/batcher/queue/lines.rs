//! The lines of the queue: which links can be taken, and in what order.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{Job, MAX_BATCH, MAX_WAIT, QUEUE_LENGTH, locked, overloaded};
use crate::promotions::{CodeKey, OrgId};

/// Lines by organisation, and by the number of their first job.
type ByArrival = HashMap<OrgId, BTreeMap<u64, CodeKey>>;

#[derive(Default)]
pub struct Lines {
    pub by_code: HashMap<CodeKey, Line>,
    /// Those that are not busy.
    free: ByArrival,
    /// Jobs in all lines.
    pub jobs: usize,
    /// Those of each organisation that has some.
    by_org: HashMap<OrgId, usize>,
    pub arrived: u64,
    pub closed: bool,
}

#[derive(Default)]
pub struct Line {
    pub jobs: VecDeque<Job>,
    busy: bool,
    /// Whether another transaction had locked the code when it was tried last.
    locked: bool,
}

impl Lines {
    pub fn add(&mut self, job: Job) {
        let line = self.by_code.entry(job.request.key.clone()).or_default();
        if line.jobs.is_empty() && !line.busy {
            free(&mut self.free, job.place.number, job.request.key.clone());
        }
        let org = job.request.key.org;
        line.jobs.push_back(job);
        self.count(org);
    }

    /// Whether another job of an organisation may wait: while it has fewer than three times what is free. So one alone has
    /// three quarters of the queue, and there is always room for another one.
    pub fn has_room(&self, org: OrgId) -> bool {
        let free = QUEUE_LENGTH.saturating_sub(self.jobs);
        self.by_org.get(&org).copied().unwrap_or_default() < 3 * free
    }

    pub fn count(&mut self, org: OrgId) {
        self.jobs += 1;
        *self.by_org.entry(org).or_default() += 1;
    }

    fn discount(&mut self, org: OrgId, jobs: usize) {
        self.jobs -= jobs;
        if let Some(count) = self.by_org.get_mut(&org) {
            *count -= jobs;
            if *count == 0 {
                self.by_org.remove(&org);
            }
        }
    }

    /// Whether there are links that can be taken.
    pub fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    pub fn take(&mut self) -> Vec<Job> {
        let mut batch = Vec::new();
        let jobs = |org: &OrgId| self.by_org.get(org).copied().unwrap_or_default();
        let first = |lines: &BTreeMap<u64, CodeKey>| lines.keys().next().copied();
        // Those with few jobs first, which leave the rest of their shares to the others. If there are too many for all to
        // have a job in the batch, those that have waited the longest.
        let is_crowded = self.free.len() > MAX_BATCH;
        let orgs = self.free.iter().map(|(org, lines)| (if is_crowded { 0 } else { jobs(org) }, first(lines), *org));
        let mut orgs: Vec<_> = orgs.collect();
        orgs.sort_unstable();
        for (index, (_, _, org)) in orgs.iter().enumerate() {
            let room = MAX_BATCH - batch.len();
            if room == 0 {
                break;
            }
            let share = (room / (orgs.len() - index)).max(1);
            self.take_of(*org, batch.len() + share, &mut batch);
        }
        batch.sort_unstable_by_key(|job: &Job| job.place.number);
        batch
    }

    /// Takes jobs of an organisation until the batch has this length.
    fn take_of(&mut self, org: OrgId, length: usize, batch: &mut Vec<Job>) {
        let mut free = self.free.remove(&org).unwrap_or_default();
        while batch.len() < length
            && let Some((_, code)) = free.pop_first()
            && let Some(line) = self.by_code.get_mut(&code)
        {
            let before = line.jobs.len();
            while line.jobs.front().is_some_and(|job| job.place.waited() > MAX_WAIT)
                && let Some(late) = line.jobs.pop_front()
            {
                late.place.answer(Err(if line.locked { locked() } else { overloaded() }));
            }
            let taken = line.jobs.len().min(length - batch.len());
            batch.extend(line.jobs.drain(..taken));
            let gone = before - line.jobs.len();
            line.busy = taken > 0;
            if !line.busy {
                self.by_code.remove(&code);
            }
            self.discount(org, gone);
        }
        if !free.is_empty() {
            self.free.insert(org, free);
        }
    }

    pub fn release(&mut self, code: &CodeKey, locked: bool) {
        let Some(line) = self.by_code.get_mut(code) else { return };
        line.busy = false;
        line.locked = locked;
        match line.jobs.front() {
            Some(first) => free(&mut self.free, first.place.number, code.clone()),
            None => drop(self.by_code.remove(code)),
        }
    }
}

/// Makes a line available whose first job has this number.
fn free(lines: &mut ByArrival, number: u64, code: CodeKey) {
    lines.entry(code.org).or_default().insert(number, code);
}

//! The places that are taken and awaited, by organisation, role and caller.

use std::collections::HashMap;

use super::{Claim, Kind};
use crate::{
    auth::{Credential, Principal, Role},
    promotions::OrgId,
};

/// The places that are taken and awaited.
#[derive(Debug, Default)]
pub struct Usage {
    all: Count,
    queries: u32,
    orgs: HashMap<OrgId, Org>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    taken: u32,
    waiting: u32,
}

/// Only roles that hold or await places have an entry.
#[derive(Debug, Default)]
struct Org {
    count: Count,
    roles: HashMap<Role, InRole>,
}

#[derive(Debug, Default)]
struct InRole {
    count: Count,
    callers: HashMap<Credential, Count>,
}

/// What a caller may have of the places, and what it has.
#[derive(Debug)]
pub struct Shares {
    pub of_caller: u32,
    /// Taken and awaited.
    pub held_by_caller: u32,
    pub of_role: u32,
    pub waiting_in_role: u32,
}

impl Usage {
    /// All places that are taken.
    pub const fn taken(&self) -> u32 {
        self.all.taken
    }

    /// Those that queries have taken.
    pub const fn queries(&self) -> u32 {
        self.queries
    }

    pub fn take(&mut self, claim: &Claim) {
        self.change(claim, |count| count.taken += claim.places);
        if claim.kind == Kind::Query {
            self.queries += claim.places;
        }
    }

    pub fn release(&mut self, claim: &Claim) {
        self.change(claim, |count| count.taken -= claim.places);
        if claim.kind == Kind::Query {
            self.queries -= claim.places;
        }
    }

    pub fn wait(&mut self, claim: &Claim) {
        self.change(claim, |count| count.waiting += claim.places);
    }

    pub fn stop_waiting(&mut self, claim: &Claim) {
        self.change(claim, |count| count.waiting -= claim.places);
    }

    /// What the organisation, the role in it and the caller have taken: the least comes first.
    pub fn rank(&self, Principal { org, role, credential }: &Principal) -> (u32, u32, u32) {
        let Some(org) = self.orgs.get(org) else { return (0, 0, 0) };
        let Some(role) = org.roles.get(role) else { return (org.count.taken, 0, 0) };
        let caller = role.callers.get(credential).map_or(0, |count| count.taken);
        (org.count.taken, role.count.taken, caller)
    }

    /// The shares of a caller and of its role in this number of places. The caller counts as active.
    pub fn shares(&self, Principal { org, role, credential }: &Principal, places: u32) -> Shares {
        let org_use = self.orgs.get(org);
        let role_use = org_use.and_then(|org| org.roles.get(role));
        let caller = role_use.and_then(|role| role.callers.get(credential));
        let of_org = share(places, self.orgs.len(), org_use.is_some());
        let of_role = share(of_org, org_use.map_or(0, |org| org.roles.len()), role_use.is_some());
        let of_caller = share(of_role, role_use.map_or(0, |role| role.callers.len()), caller.is_some());
        let held_by_caller = caller.map_or(0, |count| count.taken + count.waiting);
        Shares { of_caller, held_by_caller, of_role, waiting_in_role: role_use.map_or(0, |role| role.count.waiting) }
    }

    fn change(&mut self, Claim { principal, .. }: &Claim, change: impl Fn(&mut Count)) {
        let Principal { org: org_id, role: role_id, credential } = principal;
        change(&mut self.all);
        let org = self.orgs.entry(*org_id).or_default();
        change(&mut org.count);
        let role = org.roles.entry(*role_id).or_default();
        change(&mut role.count);
        let caller = role.callers.entry(*credential).or_default();
        change(caller);
        if *caller == Count::default() {
            role.callers.remove(credential);
        }
        if role.callers.is_empty() {
            org.roles.remove(role_id);
        }
        if org.roles.is_empty() {
            self.orgs.remove(org_id);
        }
    }
}

/// The equal share of places among active members. One that is not active yet is added.
fn share(places: u32, among: usize, is_one: bool) -> u32 {
    let among = u32::try_from(among).unwrap_or(u32::MAX).saturating_add(u32::from(!is_one));
    (places / among).max(1)
}

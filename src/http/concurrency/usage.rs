//! Counts the permits that are held and waited for, by organisation, role and caller.

use std::collections::HashMap;

use super::state::{Claim, OperationKind};
use crate::{
    auth::{Credential, Principal, Role},
    promotions::OrgId,
};

/// The permits that are held and waited for.
#[derive(Debug, Default)]
pub struct Usage {
    all: Count,
    queries: u32,
    orgs: HashMap<OrgId, OrgUsage>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    taken: u32,
    waiting: u32,
}

/// Only roles that hold or wait for permits have an entry.
#[derive(Debug, Default)]
struct OrgUsage {
    count: Count,
    roles: HashMap<Role, RoleUsage>,
}

#[derive(Debug, Default)]
struct RoleUsage {
    count: Count,
    callers: HashMap<Credential, Count>,
}

/// The shares of a caller and its role, and their use of them, in permits.
#[derive(Debug)]
pub struct Shares {
    pub of_caller: u32,
    /// Held or waited for.
    pub held_by_caller: u32,
    pub of_role: u32,
    pub waiting_in_role: u32,
}

impl Usage {
    /// All permits that are held.
    pub const fn taken(&self) -> u32 {
        self.all.taken
    }

    /// The permits that queries hold.
    pub const fn queries(&self) -> u32 {
        self.queries
    }

    pub fn take(&mut self, claim: &Claim) {
        self.change(claim, |count| count.taken += claim.permits);
        if claim.kind == OperationKind::Query {
            self.queries += claim.permits;
        }
    }

    pub fn release(&mut self, claim: &Claim) {
        self.change(claim, |count| count.taken -= claim.permits);
        if claim.kind == OperationKind::Query {
            self.queries -= claim.permits;
        }
    }

    pub fn add_waiting(&mut self, claim: &Claim) {
        self.change(claim, |count| count.waiting += claim.permits);
    }

    pub fn remove_waiting(&mut self, claim: &Claim) {
        self.change(claim, |count| count.waiting -= claim.permits);
    }

    /// The permits that the organisation, the role in it and the caller hold. The lowest rank is served first.
    pub fn rank(&self, Principal { org, role, credential }: &Principal) -> (u32, u32, u32) {
        let Some(org) = self.orgs.get(org) else { return (0, 0, 0) };
        let Some(role) = org.roles.get(role) else { return (org.count.taken, 0, 0) };
        let caller = role.callers.get(credential).map_or(0, |count| count.taken);
        (org.count.taken, role.count.taken, caller)
    }

    /// The shares of a caller and of its role in this number of permits. The caller counts as active.
    pub fn shares(&self, Principal { org, role, credential }: &Principal, permits: u32) -> Shares {
        let org_use = self.orgs.get(org);
        let role_use = org_use.and_then(|org| org.roles.get(role));
        let caller = role_use.and_then(|role| role.callers.get(credential));
        let of_org = share(permits, self.orgs.len(), org_use.is_some());
        let of_role = share(of_org, org_use.map_or(0, |org| org.roles.len()), role_use.is_some());
        let of_caller = share(of_role, role_use.map_or(0, |role| role.callers.len()), caller.is_some());
        let held_by_caller = caller.map_or(0, |count| count.taken + count.waiting);
        Shares { of_caller, held_by_caller, of_role, waiting_in_role: role_use.map_or(0, |role| role.count.waiting) }
    }

    fn change(&mut self, claim: &Claim, change: impl Fn(&mut Count)) {
        let Principal { org: org_id, role: role_id, credential } = &claim.caller;
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

/// The equal share of one of the active members, or of one that is about to be active.
fn share(permits: u32, active: usize, is_active: bool) -> u32 {
    let members = u32::try_from(active).unwrap_or(u32::MAX).saturating_add(u32::from(!is_active));
    (permits / members).max(1)
}

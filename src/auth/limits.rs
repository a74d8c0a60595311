//! How much a credential may do in what time. Kept in memory, by each server process for itself; what is kept is bounded
//! whatever callers send.

mod budget;
mod settings;

use std::{
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::Quota;
use tokio::sync::{Notify, futures::Notified};

use self::budget::{Budget, NoneLeft};
pub use self::settings::{Limit, LimitSetting, Limits};
use super::{Credential, Principal, Role};
use crate::promotions::{CustomerId, OrgId};

/// How long to wait before trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(Duration);

impl Wait {
    /// Whole seconds, at least one.
    #[must_use]
    pub fn seconds(self) -> u64 {
        u64::try_from(self.0.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
    }
}

type Caller = (OrgId, Credential);

/// Holds callers to the limits.
pub struct Limiter {
    roles: [RoleLimiter; 4],
    /// Held while room is taken, which may find only half of it and put that back: nobody must find it missing, since
    /// nobody would be told when it is there again.
    reserving: Mutex<()>,
    /// Told whenever room to fail is released.
    released: Notify,
}

struct RoleLimiter {
    operations: Option<Budget<Caller>>,
    links: Option<Budget<Caller>>,
    failed_links: Option<Budget<Caller>>,
    failed_links_per_customer: Option<Budget<(Caller, CustomerId)>>,
}

/// Why there is no room to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// Links under way of this customer have it all, and may give it back at any moment.
    TakenForCustomer,
    /// Links under way of the caller have it all.
    Taken,
    /// Too many links have failed.
    Spent(Wait),
}

/// Room for one failure, taken before a link is tried. It is spent when it goes, unless it was given back: whoever does
/// not wait for the answer has used it up.
#[must_use]
pub struct RoomToFail<'a> {
    limiter: &'a Limiter,
    role: Role,
    caller: Caller,
    customer: CustomerId,
    unused: bool,
}

impl Limiter {
    /// Holds callers to these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            roles: Role::ALL.map(|role| RoleLimiter::new(limits, role)),
            reserving: Mutex::default(),
            released: Notify::new(),
        }
    }

    /// Counts an operation.
    pub fn operation(&self, principal: &Principal) -> Result<(), Wait> {
        take(self.of(principal.role).operations.as_ref(), &caller(principal))
    }

    /// Counts an attempt to link.
    pub fn link(&self, principal: &Principal) -> Result<(), Wait> {
        take(self.of(principal.role).links.as_ref(), &caller(principal))
    }

    /// Takes room for a link that may fail. Without room the code must not be looked up.
    pub fn room_to_fail(&self, principal: &Principal, customer: CustomerId) -> Result<RoomToFail<'_>, NoRoom> {
        let RoleLimiter { failed_links, failed_links_per_customer, .. } = self.of(principal.role);
        let caller = caller(principal);
        let _alone = self.reserving.lock().unwrap_or_else(PoisonError::into_inner);
        reserve(failed_links_per_customer.as_ref(), &(caller, customer)).map_err(|none| match none {
            NoRoom::Taken => NoRoom::TakenForCustomer,
            none => none,
        })?;
        if let Err(none) = reserve(failed_links.as_ref(), &caller) {
            release(failed_links_per_customer.as_ref(), &(caller, customer), true);
            return Err(none);
        }
        Ok(RoomToFail { limiter: self, role: principal.role, caller, customer, unused: false })
    }

    /// Completes when room is given back or spent after this call.
    pub fn room_released(&self) -> Notified<'_> {
        self.released.notified()
    }

    fn of(&self, role: Role) -> &RoleLimiter {
        &self.roles[role as usize]
    }
}

impl RoomToFail<'_> {
    /// Gives it back: the link did not fail, or not because of the code.
    pub fn give_back(mut self) {
        self.unused = true;
    }
}

impl Drop for RoomToFail<'_> {
    fn drop(&mut self) {
        let RoleLimiter { failed_links, failed_links_per_customer, .. } = self.limiter.of(self.role);
        release(failed_links_per_customer.as_ref(), &(self.caller, self.customer), self.unused);
        release(failed_links.as_ref(), &self.caller, self.unused);
        self.limiter.released.notify_waiters();
    }
}

impl RoleLimiter {
    fn new(limits: &Limits, role: Role) -> Self {
        let a_second = |limit| limits.of(role, limit).map(Quota::per_second);
        let an_hour = |limit| limits.of(role, limit).map(Quota::per_hour);
        Self {
            operations: a_second(Limit::Operations).map(Budget::new),
            links: a_second(Limit::Links).map(Budget::new),
            failed_links: an_hour(Limit::FailedLinks).map(Budget::new),
            failed_links_per_customer: an_hour(Limit::FailedLinksPerCustomer).map(Budget::new),
        }
    }
}

const fn caller(principal: &Principal) -> Caller {
    (principal.org, principal.credential)
}

fn take<K: Hash + Eq + Clone>(budget: Option<&Budget<K>>, key: &K) -> Result<(), Wait> {
    budget.map_or(Ok(()), |budget| budget.take(key).map_err(Wait))
}

fn reserve<K: Hash + Eq + Clone>(budget: Option<&Budget<K>>, key: &K) -> Result<(), NoRoom> {
    budget.map_or(Ok(()), |budget| budget.reserve(key)).map_err(|none| match none {
        NoneLeft::Reserved => NoRoom::Taken,
        NoneLeft::Spent(wait) => NoRoom::Spent(Wait(wait)),
    })
}

fn release<K: Hash + Eq + Clone>(budget: Option<&Budget<K>>, key: &K, comes_back: bool) {
    if let Some(budget) = budget {
        budget.release(key, comes_back);
    }
}

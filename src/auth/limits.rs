//! How much a credential may do in what time. Kept in memory, by each server process for itself; what is kept is bounded
//! for each organisation, whatever callers send.

mod budget;
mod settings;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use metrics::counter;
use tokio::sync::{Notify, futures::Notified};

use self::budget::{Budget, Key, NoTokens};
pub use self::settings::{Limit, LimitSetting, Limits};
use super::{Principal, Role};
use crate::promotions::CustomerId;

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

/// Holds callers to the limits.
pub struct Limiter {
    /// Of each role, the budgets in the order of [`Limit::ALL`].
    roles: [[Option<Budget>; Limit::ALL.len()]; 4],
    /// Serialises reservations. Otherwise a caller could see a half-made reservation that is about to be rolled back, and
    /// nothing would wake it afterwards.
    reserving: Mutex<()>,
    /// Notified whenever a reservation is released.
    released: Notify,
}

/// Why a link may not be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoom {
    /// Links under way for this customer have the whole budget, and may give it back at any moment.
    TakenForCustomer,
    /// Links under way of the caller have the whole budget.
    Taken,
    /// The budget of this limit is spent.
    Spent(Limit, Wait),
}

/// The budgets that a link under way has reserved: it will succeed or fail.
const RESERVED: [Limit; 4] =
    [Limit::FailedLinksPerCustomer, Limit::FailedLinks, Limit::NewLinksPerCustomer, Limit::NewLinks];

/// What a link has reserved of the caller's budgets before it is tried. If it is dropped, all of it is spent: the link
/// may have been made, or not, and its caller has not waited to know.
#[must_use]
pub struct Reservation<'a> {
    limiter: &'a Limiter,
    principal: Principal,
    customer: CustomerId,
    /// What the link turned out to use up.
    spends: Spends,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spends {
    All,
    FailedLink,
    NewLink,
    Nothing,
}

impl Limiter {
    /// Holds callers to these limits.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let budget = |role, limit: Limit| limits.of(role, limit).map(|tokens| Budget::new(tokens, limit.period()));
        Self {
            roles: Role::ALL.map(|role| Limit::ALL.map(|limit| budget(role, limit))),
            reserving: Mutex::default(),
            released: Notify::new(),
        }
    }

    /// Counts an operation.
    pub fn operation(&self, principal: &Principal) -> Result<(), Wait> {
        self.take(principal, Limit::Operations)
    }

    /// Counts what an operation costs beyond what every operation costs, before it is executed. The caller may go into
    /// debt, but not further into it.
    pub fn cost(&self, principal: &Principal, further: u32) -> Result<(), Wait> {
        match self.budget(principal.role, Limit::Operations) {
            Some(budget) if further > 0 => {
                let charged = budget.charge(principal.org, key(principal, Limit::Operations, None), further);
                charged.map_err(|wait| exceeded(Limit::Operations, wait))
            }
            _ => Ok(()),
        }
    }

    /// Gives back what an operation costs further, if it was not executed.
    pub fn give_back_cost(&self, principal: &Principal, further: u32) {
        if let Some(budget) = self.budget(principal.role, Limit::Operations) {
            budget.give_back(principal.org, key(principal, Limit::Operations, None), further);
        }
    }

    /// Counts an attempt to link.
    pub fn link(&self, principal: &Principal) -> Result<(), Wait> {
        self.take(principal, Limit::Links)
    }

    /// Reserves what a link may use up. Without a reservation the code must not be looked up.
    pub fn reserve(&self, principal: &Principal, customer: CustomerId) -> Result<Reservation<'_>, NoRoom> {
        let _alone = self.reserving.lock().unwrap_or_else(PoisonError::into_inner);
        for (reserved, limit) in RESERVED.into_iter().enumerate() {
            let Some(budget) = self.budget(principal.role, limit) else { continue };
            if let Err(none) = budget.reserve(principal.org, key(principal, limit, Some(customer))) {
                for limit in &RESERVED[..reserved] {
                    self.release(principal, *limit, customer, true);
                }
                return Err(match none {
                    NoTokens::Reserved if limit.is_per_customer() => NoRoom::TakenForCustomer,
                    NoTokens::Reserved => NoRoom::Taken,
                    NoTokens::Spent(wait) => NoRoom::Spent(limit, exceeded(limit, wait)),
                });
            }
        }
        Ok(Reservation { limiter: self, principal: *principal, customer, spends: Spends::All })
    }

    /// Completes when a reservation is released after this call.
    pub fn released(&self) -> Notified<'_> {
        self.released.notified()
    }

    fn take(&self, principal: &Principal, limit: Limit) -> Result<(), Wait> {
        let Some(budget) = self.budget(principal.role, limit) else { return Ok(()) };
        budget.take(principal.org, key(principal, limit, None)).map_err(|wait| exceeded(limit, wait))
    }

    fn release(&self, principal: &Principal, limit: Limit, customer: CustomerId, comes_back: bool) {
        if let Some(budget) = self.budget(principal.role, limit) {
            budget.release(principal.org, key(principal, limit, Some(customer)), comes_back);
        }
    }

    const fn budget(&self, role: Role, limit: Limit) -> Option<&Budget> {
        self.roles[role as usize][limit as usize].as_ref()
    }
}

/// Counts that a caller exceeded a limit. Returns how long it has to wait.
fn exceeded(limit: Limit, wait: Duration) -> Wait {
    counter!("promolink_refusals_total", "limit" => limit.subject()).increment(1);
    Wait(wait)
}

/// Whose budget it is.
fn key(principal: &Principal, limit: Limit, customer: Option<CustomerId>) -> Key {
    (principal.credential, customer.filter(|_| limit.is_per_customer()))
}

impl Reservation<'_> {
    /// The link failed because of the code.
    pub fn failed(mut self) {
        self.spends = Spends::FailedLink;
    }

    /// The link was made, or was there.
    pub fn linked(mut self) {
        self.spends = Spends::NewLink;
    }

    /// Nothing came of the link, for a reason that has nothing to do with the code.
    pub fn give_back(mut self) {
        self.spends = Spends::Nothing;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        for limit in RESERVED {
            let kind = match limit {
                Limit::FailedLinks | Limit::FailedLinksPerCustomer => Spends::FailedLink,
                _ => Spends::NewLink,
            };
            let comes_back = self.spends != Spends::All && self.spends != kind;
            self.limiter.release(&self.principal, limit, self.customer, comes_back);
        }
        self.limiter.released.notify_waiters();
    }
}

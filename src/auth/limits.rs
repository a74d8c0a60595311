//! Rate limits per credential. Each server process counts for itself, in memory that is bounded for each organisation. The servers
//! of a PostgreSQL database share the budgets of failed links.

mod settings;
mod shared_budgets;
mod token_bucket;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use metrics::counter;
use tokio::sync::{Notify, futures::Notified};

use self::token_bucket::{Key, TokenBuckets, Unavailable};
pub use self::{
    settings::{InvalidLimitSetting, Limit, LimitSetting, Limits},
    shared_budgets::{SharedBudgets, Spent, remove_full_budgets},
};
use super::{principal::Principal, role::Role};
use crate::promotions::CustomerId;

/// The time after which a retry can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(Duration);

impl RetryAfter {
    /// In seconds, rounded up, at least one.
    #[must_use]
    pub fn seconds(self) -> u64 {
        u64::try_from(self.0.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
    }
}

/// Enforces the limits of callers.
pub struct Limiter {
    /// The buckets of each role, in the order of [`Limit::ALL`].
    roles: [[Option<TokenBuckets>; Limit::ALL.len()]; 4],
    /// Serialises reservations. Otherwise a caller could see a half-made reservation that is about to be rolled back, and
    /// nothing would wake it afterwards.
    reserving: Mutex<()>,
    /// Notified whenever a reservation is released.
    released: Notify,
    /// The budgets of failed links that other servers spend, too.
    shared: Option<Arc<dyn SharedBudgets>>,
}

/// Why a link can't be attempted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveError {
    /// Running links for this customer have reserved the whole budget. They may return it at any moment.
    CustomerBudgetReserved,
    /// Running links of the caller have reserved the whole budget. They may return it at any moment.
    BudgetReserved,
    /// The budget of this limit is spent.
    Spent(Limit, RetryAfter),
}

/// The budgets that a running link reserves, because it may succeed or fail.
const RESERVED: [Limit; 4] =
    [Limit::FailedLinksPerCustomer, Limit::FailedLinks, Limit::NewLinksPerCustomer, Limit::NewLinks];

/// The budgets that a link has reserved. If it is dropped, all of them are spent: the client disconnected, and the outcome of
/// the link is unknown.
#[must_use]
pub struct Reservation<'a> {
    limiter: &'a Limiter,
    principal: Principal,
    customer: CustomerId,
    /// The budgets that the link spends.
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
    /// Enforces these limits, and shares budgets of failed links.
    #[must_use]
    pub fn new(limits: &Limits, shared: Option<Arc<dyn SharedBudgets>>) -> Self {
        let buckets =
            |role, limit: Limit| limits.of(role, limit).map(|tokens| TokenBuckets::new(tokens, limit.period()));
        Self {
            roles: Role::ALL.map(|role| Limit::ALL.map(|limit| buckets(role, limit))),
            reserving: Mutex::default(),
            released: Notify::new(),
            shared,
        }
    }

    /// Counts an operation.
    pub fn take_operation(&self, principal: &Principal) -> Result<(), RetryAfter> {
        self.take(principal, Limit::Operations)
    }

    /// Charges the cost of an operation beyond the first unit, before it is executed. The cost may put the caller in debt, but
    /// a caller in debt is rejected.
    pub fn charge_cost(&self, principal: &Principal, further: u32) -> Result<(), RetryAfter> {
        match self.buckets(principal.role, Limit::Operations) {
            Some(buckets) if further > 0 => {
                let charged = buckets.charge(principal.org, key(principal, Limit::Operations, None), further);
                charged.map_err(|time| exceeded(Limit::Operations, time))
            }
            _ => Ok(()),
        }
    }

    /// Refunds a charged cost, if the operation was not executed.
    pub fn refund_cost(&self, principal: &Principal, further: u32) {
        if let Some(buckets) = self.buckets(principal.role, Limit::Operations) {
            buckets.refund(principal.org, key(principal, Limit::Operations, None), further);
        }
    }

    /// Counts an attempt to link.
    pub fn take_link(&self, principal: &Principal) -> Result<(), RetryAfter> {
        self.take(principal, Limit::Links)
    }

    /// Reserves the budgets that a link may spend. Without a reservation the code must not be looked up.
    pub fn reserve(&self, principal: &Principal, customer: CustomerId) -> Result<Reservation<'_>, ReserveError> {
        let _guard = self.reserving.lock().unwrap_or_else(PoisonError::into_inner);
        for (reserved, limit) in RESERVED.into_iter().enumerate() {
            let Some(buckets) = self.buckets(principal.role, limit) else { continue };
            if let Err(unavailable) = buckets.reserve(principal.org, key(principal, limit, Some(customer))) {
                for limit in &RESERVED[..reserved] {
                    self.release(principal, *limit, customer, true);
                }
                return Err(match unavailable {
                    Unavailable::Reserved if limit.is_per_customer() => ReserveError::CustomerBudgetReserved,
                    Unavailable::Reserved => ReserveError::BudgetReserved,
                    Unavailable::Spent(time) => ReserveError::Spent(limit, exceeded(limit, time)),
                });
            }
        }
        Ok(Reservation { limiter: self, principal: *principal, customer, spends: Spends::All })
    }

    /// Completes when a reservation is released after this call.
    pub fn released(&self) -> Notified<'_> {
        self.released.notified()
    }

    fn take(&self, principal: &Principal, limit: Limit) -> Result<(), RetryAfter> {
        let Some(buckets) = self.buckets(principal.role, limit) else { return Ok(()) };
        buckets.take(principal.org, key(principal, limit, None)).map_err(|time| exceeded(limit, time))
    }

    fn release(&self, principal: &Principal, limit: Limit, customer: CustomerId, is_refunded: bool) {
        if let Some(buckets) = self.buckets(principal.role, limit) {
            buckets.release(principal.org, key(principal, limit, Some(customer)), is_refunded);
        }
    }

    /// The time in which one token of a limit is refilled.
    fn refill_time(&self, role: Role, limit: Limit) -> Option<Duration> {
        self.buckets(role, limit).map(|buckets| buckets.time_for(1.0))
    }

    /// Takes over that other servers have spent what a budget refills in this time.
    fn lower(&self, principal: &Principal, limit: Limit, customer: Option<CustomerId>, missing: Duration) {
        if let Some(buckets) = self.buckets(principal.role, limit) {
            buckets.lower(principal.org, key(principal, limit, customer), missing);
        }
    }

    const fn buckets(&self, role: Role, limit: Limit) -> Option<&TokenBuckets> {
        self.roles[role as usize][limit as usize].as_ref()
    }
}

/// Counts that a caller exceeded a limit.
fn exceeded(limit: Limit, time: Duration) -> RetryAfter {
    counter!("promolink_refusals_total", "limit" => limit.subject()).increment(1);
    RetryAfter(time)
}

/// The owner of the bucket.
fn key(principal: &Principal, limit: Limit, customer: Option<CustomerId>) -> Key {
    (principal.credential, customer.filter(|_| limit.is_per_customer()))
}

impl Reservation<'_> {
    /// The link was refused: spends a failed link.
    pub fn failed(mut self) {
        self.spends = Spends::FailedLink;
    }

    /// The link succeeded, or existed before: spends a new link.
    pub fn linked(mut self) {
        self.spends = Spends::NewLink;
    }

    /// The link was not decided, for a reason unrelated to the code: spends nothing.
    pub fn refund(mut self) {
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
            let is_refunded = self.spends != Spends::All && self.spends != kind;
            self.limiter.release(&self.principal, limit, self.customer, is_refunded);
        }
        self.limiter.released.notify_waiters();
    }
}

//! Budgets of failed links that the servers of a database share.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{MissedTickBehavior, interval};

use super::{Limit, Limiter, Principal};
use crate::{
    auth::Credential,
    promotions::{Clock, CustomerId, OrgId, Timestamp},
};

/// Time between two removals of full budgets.
const CLEANUP_INTERVAL: Duration = Duration::from_mins(1);

/// What is spent of a budget.
#[derive(Debug)]
pub struct Spent {
    /// The budget's name, unique in the organisation.
    pub budget: String,
    /// The time in which it is refilled, in milliseconds.
    pub millis: i64,
}

/// The budgets of failed links in a database.
#[async_trait]
pub trait SharedBudgets: Send + Sync {
    /// Spends some of budgets, sorted by their names. Returns when each will be full again, or nothing if they can't be used,
    /// which is logged: this server then counts for itself.
    async fn spend(&self, org: OrgId, spent: &[Spent], now: Timestamp) -> Vec<(String, Timestamp)>;

    /// Removes budgets that are full.
    async fn remove_full(&self, now: Timestamp);
}

impl Limiter {
    /// Spends failed links of these customers in the shared budgets, and takes over what is left of them. Failures on other
    /// servers are thus noticed at the first failure on this one.
    pub async fn share_failures(&self, principal: &Principal, customers: &[CustomerId], now: Timestamp) {
        let Some(shared) = self.shared.as_ref().filter(|_| !customers.is_empty()) else { return };
        let budgets = self.shared_budgets(principal, customers);
        let spent: Vec<Spent> =
            budgets.iter().map(|(name, budget)| Spent { budget: name.clone(), millis: budget.millis }).collect();
        for (name, refilled_on) in shared.spend(principal.org, &spent, now).await {
            let Some(budget) = budgets.get(&name) else { continue };
            let missing = u64::try_from(refilled_on.millis().saturating_sub(now.millis())).unwrap_or(0);
            self.lower(principal, budget.limit, budget.customer, Duration::from_millis(missing));
        }
    }

    /// What these failures spend, by the names of the budgets. They are spent in this order, so that servers do not wait for
    /// each other in circles.
    fn shared_budgets(&self, principal: &Principal, customers: &[CustomerId]) -> BTreeMap<String, SharedBudget> {
        let mut budgets = BTreeMap::new();
        for (limit, customer) in customers
            .iter()
            .flat_map(|customer| [(Limit::FailedLinks, None), (Limit::FailedLinksPerCustomer, Some(*customer))])
        {
            let Some(refill) = self.refill_time(principal.role, limit) else { continue };
            let Some(name) = name(principal.credential, customer) else { continue };
            let millis = i64::try_from(refill.as_millis()).unwrap_or(i64::MAX).max(1);
            let budget = budgets.entry(name).or_insert(SharedBudget { limit, customer, millis: 0 });
            budget.millis = budget.millis.saturating_add(millis);
        }
        budgets
    }
}

/// Removes budgets that are full, until the task is aborted.
pub async fn remove_full_budgets(shared: Option<Arc<dyn SharedBudgets>>, clock: Arc<dyn Clock>) {
    let Some(shared) = shared else { return };
    let mut searches = interval(CLEANUP_INTERVAL);
    searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        searches.tick().await;
        shared.remove_full(clock.now()).await;
    }
}

/// A shared budget, and what is spent of it.
struct SharedBudget {
    limit: Limit,
    customer: Option<CustomerId>,
    /// The time in which what is spent is refilled, in milliseconds.
    millis: i64,
}

/// The name of a budget. `None` for a caller of `promolink dev`, who has no limits.
fn name(credential: Credential, customer: Option<CustomerId>) -> Option<String> {
    let owner = match credential {
        Credential::None => return None,
        Credential::ApiKey(id) => format!("key:{}", id.get()),
        Credential::Customer(customer) => format!("customer:{}", customer.get()),
    };
    Some(customer.map_or_else(|| owner.clone(), |customer| format!("{owner}/{}", customer.get())))
}

//! Links codes within the budgets of their caller.

use std::{collections::HashSet, slice, sync::Arc, time::Duration};

use async_graphql::Context;
use tokio::time::{Instant, timeout_at};

use super::{
    LinkPromotionCodeInput, RequestedLink,
    failure::{LinkFailure, LinkResult, learns_of_lock, report},
    timing_concealment::conceal_timing,
};
use crate::{
    auth::{Limit, Limiter, Principal, Reservation, ReserveError, Role},
    graphql::{
        error::{ApiError, own_customer},
        loaders::Loaders,
    },
    promotions::{Attribution, Code, LinkCheck, Linkable, StoreError},
    service::PromotionService,
};

/// How long to wait for budget that other requests of the same caller have reserved. Meanwhile the request holds permits
/// that other callers wait for.
const BUDGET_TIMEOUT: Duration = Duration::from_secs(2);

/// What is attempted.
#[derive(Clone, Copy)]
enum Action<'a> {
    /// To link.
    Link,
    /// To find out what linking would do. Callers learn as much about codes as by links, so it counts against the same limits.
    Check(&'a Loaders),
}

/// Links or checks codes for one caller.
pub struct LinkAttempts<'a> {
    action: Action<'a>,
    service: &'a PromotionService,
    limiter: &'a Limiter,
    principal: &'a Principal,
    attribution: &'a Attribution,
}

/// A link that was admitted.
struct Link {
    /// Its position in the request.
    position: usize,
    requested: RequestedLink,
}

/// A link that has reserved its share of the caller's budgets.
struct Reserved<'a> {
    link: Link,
    reservation: Reservation<'a>,
}

impl<'a> LinkAttempts<'a> {
    /// For the caller of a request.
    pub fn new(ctx: &Context<'a>) -> async_graphql::Result<Self> {
        Self::of(ctx, Action::Link)
    }

    /// The same, to find out what linking would do.
    pub fn checking(ctx: &Context<'a>) -> async_graphql::Result<Self> {
        Self::of(ctx, Action::Check(ctx.data()?))
    }

    fn of(ctx: &Context<'a>, action: Action<'a>) -> async_graphql::Result<Self> {
        let (service, limiter) = (ctx.data::<Arc<PromotionService>>()?, ctx.data::<Arc<Limiter>>()?);
        let (principal, attribution) = (ctx.data::<Principal>()?, ctx.data::<Attribution>()?);
        Ok(Self { action, service, limiter, principal, attribution })
    }

    const fn is_check(&self) -> bool {
        matches!(self.action, Action::Check(_))
    }

    /// Attempts one code. If it is linked, the customer then holds it.
    pub async fn attempt_one(&self, input: &LinkPromotionCodeInput) -> Result<Linkable, ApiError> {
        let mut outcome = [Err(LinkFailure::NotAttempted)];
        self.attempt(slice::from_ref(input), &mut outcome).await;
        let [outcome] = outcome;
        self.disclose(outcome)
    }

    /// Attempts codes, each with its own result, in the order given.
    pub async fn attempt_all(&self, inputs: &[LinkPromotionCodeInput]) -> Vec<Result<Linkable, ApiError>> {
        let mut outcomes: Vec<_> = inputs.iter().map(|_| Err(LinkFailure::NotAttempted)).collect();
        self.attempt(inputs, &mut outcomes).await;
        outcomes.into_iter().map(|outcome| self.disclose(outcome)).collect()
    }

    /// Attempts each link and sets its outcome, at the same position.
    async fn attempt(&self, inputs: &[LinkPromotionCodeInput], outcomes: &mut [LinkResult]) {
        let started = Instant::now();
        let admitted = self.admit(inputs, outcomes);
        self.link_within_budgets(admitted, started + BUDGET_TIMEOUT, outcomes).await;
        // Before the timing is concealed: this takes time, too.
        self.share_failures(inputs, outcomes).await;
        for outcome in &*outcomes {
            report(outcome, self.is_check(), self.principal.is_trusted());
        }
        let is_of_code = |outcome: &LinkResult| outcome.as_ref().is_err_and(LinkFailure::is_of_code);
        if !self.principal.is_trusted() && outcomes.iter().any(is_of_code) {
            conceal_timing(started, self.service.slowest_commit()).await;
        }
    }

    /// Spends the failed links in the budgets that other servers spend, too.
    async fn share_failures(&self, inputs: &[LinkPromotionCodeInput], outcomes: &[LinkResult]) {
        let failed = inputs.iter().zip(outcomes).filter(|(_, outcome)| {
            outcome.as_ref().is_err_and(|failure| failure.spends_failed_link(self.principal.is_trusted()))
        });
        // Those that were looked up have a customer.
        let customers: Vec<_> = failed.filter_map(|(input, _)| input.customer().ok()).collect();
        self.limiter.share_failures(self.principal, &customers, self.service.now()).await;
    }

    /// Returns the links that may be attempted. Sets the outcome of the others.
    fn admit(&self, inputs: &[LinkPromotionCodeInput], outcomes: &mut [LinkResult]) -> Vec<Link> {
        let mut admitted = Vec::with_capacity(inputs.len());
        for (position, input) in inputs.iter().enumerate() {
            match self.check(input) {
                Ok(requested) => admitted.push(Link { position, requested }),
                Err(failure) => outcomes[position] = Err(failure),
            }
        }
        admitted
    }

    fn check(&self, input: &LinkPromotionCodeInput) -> Result<RequestedLink, LinkFailure> {
        self.limiter.take_link(self.principal).map_err(|wait| LinkFailure::RateLimited(Limit::Links, wait))?;
        let requested = input.parse()?;
        own_customer(self.principal, requested.customer)?;
        Ok(requested)
    }

    /// Links as many codes at a time as the budgets have room for. The others follow when links that did not use up their
    /// reservation release it. Those that still wait at the deadline are not attempted.
    async fn link_within_budgets(&self, mut links: Vec<Link>, deadline: Instant, outcomes: &mut [LinkResult]) {
        while !links.is_empty() {
            // First, so that no release is missed.
            let released = self.limiter.released();
            let (reserved, waiting) = self.reserve(links, outcomes);
            // Other requests of the same caller may have reserved it all.
            if reserved.is_empty() && !waiting.is_empty() && timeout_at(deadline, released).await.is_err() {
                break;
            }
            self.run(reserved, outcomes).await;
            links = waiting;
        }
    }

    /// Reserves budget for as many links as possible, in their order. Returns these, and those that have to wait for a
    /// reservation to be released. Sets the outcome of those for which the budget is spent.
    fn reserve(&self, links: Vec<Link>, outcomes: &mut [LinkResult]) -> (Vec<Reserved<'a>>, Vec<Link>) {
        let (mut reserved, mut waiting) = (Vec::with_capacity(links.len()), Vec::new());
        let (mut all_wait, mut waiting_customers) = (false, HashSet::new());
        for link in links {
            let customer = link.requested.customer;
            if all_wait || waiting_customers.contains(&customer) {
                waiting.push(link);
                continue;
            }
            match self.limiter.reserve(self.principal, customer) {
                Ok(reservation) => reserved.push(Reserved { link, reservation }),
                Err(ReserveError::Spent(limit, wait)) => {
                    outcomes[link.position] = Err(LinkFailure::RateLimited(limit, wait));
                }
                Err(error) => {
                    all_wait |= error == ReserveError::BudgetReserved;
                    waiting_customers.insert(customer);
                    waiting.push(link);
                }
            }
        }
        (reserved, waiting)
    }

    /// Links codes, and sets their outcomes.
    async fn run(&self, links: Vec<Reserved<'_>>, outcomes: &mut [LinkResult]) {
        let requested = links.iter().map(|Reserved { link, .. }| {
            let RequestedLink { mode, code, customer } = &link.requested;
            (*mode, code.clone(), *customer)
        });
        let results = match self.action {
            Action::Link => {
                let linked = self.service.link_many(self.principal.org, requested.collect(), self.attribution).await;
                linked.into_iter().map(|outcome| Ok(outcome?.map(Linkable::Held))).collect()
            }
            Action::Check(loaders) => {
                let keys = requested.map(|(mode, code, customer)| (mode, code.into_folded(), customer));
                loaders.link_checks(&keys.collect::<Vec<_>>()).await
            }
        };
        for (Reserved { link, reservation }, result) in links.into_iter().zip(results) {
            self.settle(reservation, &result);
            outcomes[link.position] = outcome(link.requested.code, result);
        }
    }

    /// Charges the caller's budgets for a link, or releases them.
    fn settle(&self, reservation: Reservation<'_>, result: &Result<LinkCheck, StoreError>) {
        match result {
            // The customer knows the code already.
            Ok(Ok(Linkable::Held(_))) if self.is_check() => reservation.refund(),
            Ok(Ok(_)) => reservation.linked(),
            Ok(Err(_)) => reservation.failed(),
            Err(error) if learns_of_lock(error, self.principal.is_trusted()) => reservation.failed(),
            Err(_) => reservation.refund(),
        }
    }

    /// What the caller learns about an outcome.
    fn disclose(&self, outcome: LinkResult) -> Result<Linkable, ApiError> {
        let mut linkable = outcome.map_err(|failure| failure.into_error(self.principal.is_trusted()))?;
        if self.principal.role == Role::Storefront
            && let Linkable::Held(promotion) = &mut linkable
        {
            // A storefront can name any customer: it must not learn whether this one has redeemed the code.
            promotion.redemption_count = 0;
        }
        Ok(linkable)
    }
}

fn outcome(code: Code, result: Result<LinkCheck, StoreError>) -> LinkResult {
    match result {
        Ok(Ok(linkable)) => Ok(linkable),
        Ok(Err(refusal)) => Err(LinkFailure::Refused(code, refusal)),
        Err(error) => Err(LinkFailure::Store(error)),
    }
}

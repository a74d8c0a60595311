//! How a caller's links reach the service: within the caller's limits, and with no more said of a failure than the
//! caller may know.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, LazyLock},
    time::Duration,
};

use async_graphql::{Context, Result, resolver_utils::enum_value};
use metrics::{Counter, counter};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::LinkPromotionCodeInput;
use crate::{
    auth::{Limit, Limiter, Principal, Reservation, ReserveError, Role},
    graphql::{
        error::{Coded, ErrorCode, broken, name, not_usable, own_customer, rate_limited, refused},
        types::Promotion,
    },
    promotions::{Code, CustomerId, LinkOutcome, PromotionMode, Refusal, StoreError},
    service::PromotionService,
};

/// Untrusted callers receive failures at full periods since they asked, because the time that it took to find out would
/// tell unknown codes from taken ones. A period is at least this long.
const FAILURE_PERIOD: Duration = Duration::from_millis(50);

/// The longest period. It is a limit for users' patience: a mistyped code should not take longer.
const MAX_FAILURE_PERIOD: Duration = Duration::from_secs(1);

/// A failure waits for two transactions at most that commit what other callers asked for: the one before its own, and its
/// own. The period has room for as much again.
const COMMITS_PER_PERIOD: u32 = 4;

/// How long to wait for budget that other requests of the same caller have reserved. Meanwhile the request holds places
/// that other callers wait for.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// One link of a field.
struct Link {
    /// Its place in the answer.
    position: usize,
    mode: PromotionMode,
    code: Code,
    customer: CustomerId,
}

/// The links of one field.
pub struct LinkAttempts<'a> {
    service: &'a PromotionService,
    limiter: &'a Limiter,
    principal: &'a Principal,
}

/// What came of the links so far, by their positions.
type Results = BTreeMap<usize, Result<Promotion>>;

impl<'a> LinkAttempts<'a> {
    /// The links of the caller of a request.
    pub fn new(ctx: &Context<'a>) -> Result<Self> {
        let (service, limiter) = (ctx.data::<Arc<PromotionService>>()?, ctx.data::<Arc<Limiter>>()?);
        Ok(Self { service, limiter, principal: ctx.data::<Principal>()? })
    }

    /// Links codes, each with its own outcome, in the order given.
    pub async fn link(&self, inputs: &[LinkPromotionCodeInput]) -> Vec<Result<Promotion>> {
        let started = Instant::now();
        let mut results = Results::new();
        let mut waiting = Vec::with_capacity(inputs.len());
        for (position, input) in inputs.iter().enumerate() {
            match self.admit(position, input) {
                Ok(link) => waiting.push(link),
                Err(error) => drop(results.insert(position, Err(error))),
            }
        }
        let mut failed = false;
        // As many at a time as the budgets have room for; the others when some of them did not fail.
        while !waiting.is_empty() {
            let released = self.limiter.released();
            let (ready, later) = self.reserve(waiting, &mut results);
            // Other requests of the same caller may have reserved it all.
            if ready.is_empty() && !later.is_empty() && timeout_at(started + MAX_WAIT, released).await.is_err() {
                let busy = |link: Link| (link.position, Err(broken(&StoreError::Overloaded)));
                results.extend(later.into_iter().map(busy));
                break;
            }
            failed |= self.run(ready, &mut results).await;
            waiting = later;
        }
        if failed && !self.principal.is_trusted() {
            sleep_until(next_period(started, self.service.slowest_commit())).await;
        }
        results.into_values().inspect(count).collect()
    }

    fn admit(&self, position: usize, input: &LinkPromotionCodeInput) -> Result<Link> {
        self.limiter.take_link(self.principal).map_err(|wait| rate_limited(wait, Limit::Links))?;
        let (mode, code, customer) = input.parse()?;
        own_customer(self.principal, customer)?;
        Ok(Link { position, mode, code, customer })
    }

    /// Reserves the caller's budgets for as many links as possible, in their order. Returns these, and those that have to
    /// wait for a reservation to be released.
    fn reserve(&self, links: Vec<Link>, results: &mut Results) -> (Vec<(Link, Reservation<'a>)>, Vec<Link>) {
        let (mut ready, mut later) = (Vec::with_capacity(links.len()), Vec::new());
        let (mut all_wait, mut waiting_customers) = (false, HashSet::new());
        for link in links {
            if all_wait || waiting_customers.contains(&link.customer) {
                later.push(link);
                continue;
            }
            match self.limiter.reserve(self.principal, link.customer) {
                Ok(reservation) => ready.push((link, reservation)),
                Err(ReserveError::Spent(limit, wait)) => {
                    results.insert(link.position, Err(rate_limited(wait, limit)));
                }
                Err(error) => {
                    all_wait |= error == ReserveError::BudgetReserved;
                    waiting_customers.insert(link.customer);
                    later.push(link);
                }
            }
        }
        (ready, later)
    }

    /// Links codes. Returns whether one of them failed.
    async fn run(&self, links: Vec<(Link, Reservation<'_>)>, results: &mut Results) -> bool {
        let asked = links.iter().map(|(link, _)| (link.mode, link.code.clone(), link.customer)).collect();
        let outcomes = self.service.link_many(self.principal.org, asked).await;
        let mut failed = false;
        for ((link, reservation), outcome) in links.into_iter().zip(outcomes) {
            failed |= outcome.as_ref().map_or(true, Result::is_err);
            results.insert(link.position, self.settle(&link.code, reservation, outcome));
        }
        failed
    }

    fn settle(
        &self,
        code: &Code,
        reservation: Reservation<'_>,
        outcome: Result<LinkOutcome, StoreError>,
    ) -> Result<Promotion> {
        match outcome {
            Ok(Ok(mut promotion)) => {
                reservation.linked();
                if self.principal.role == Role::Storefront {
                    // A storefront can name any customer: it must not learn whether this one has redeemed the code.
                    promotion.redemption_count = 0;
                }
                Ok(Promotion(promotion))
            }
            Err(error) => {
                // Only a code that exists can be locked: an untrusted caller pays for learning that.
                if self.principal.is_trusted() || !matches!(error, StoreError::Contended(_)) {
                    reservation.refund();
                } else {
                    reservation.failed();
                }
                Err(broken(&error))
            }
            Ok(Err(refusal)) => {
                reservation.failed();
                if self.principal.is_trusted() {
                    return Err(refused(refusal));
                }
                log(code, refusal);
                Err(not_usable())
            }
        }
    }
}

/// The next full period since the start, where a commit takes this long at the moment.
fn next_period(started: Instant, commit: Duration) -> Instant {
    let room = commit * COMMITS_PER_PERIOD;
    let steps = u32::try_from(room.as_millis() / FAILURE_PERIOD.as_millis()).unwrap_or(u32::MAX);
    let period = FAILURE_PERIOD.saturating_mul(steps.saturating_add(1)).min(MAX_FAILURE_PERIOD);
    let periods = started.elapsed().as_millis() / period.as_millis() + 1;
    started + period * u32::try_from(periods).unwrap_or(u32::MAX)
}

/// Counts what came of a link.
fn count(result: &Result<Promotion>) {
    static LINKED: LazyLock<Counter> = LazyLock::new(|| counter!("promolink_links_total", "outcome" => "LINKED"));
    let outcome = match result {
        Ok(_) => return LINKED.increment(1),
        Err(error) => name(&enum_value(Coded::of(error).code)),
    };
    counter!("promolink_links_total", "outcome" => outcome).increment(1);
}

/// Codes that are shorter are not told apart by their beginning, but given away by it.
const SHORTEST_WITH_BEGINNING: usize = 8;

/// Tells the operator what the caller is not told.
fn log(code: &Code, refusal: Refusal) {
    let reason = name(&enum_value(ErrorCode::from(refusal)));
    let shown = if code.text().chars().count() < SHORTEST_WITH_BEGINNING { 0 } else { 2 };
    let beginning: String = code.text().chars().take(shown).collect();
    tracing::info!(code = %format_args!("{beginning}..."), reason, "a code was not linked");
}

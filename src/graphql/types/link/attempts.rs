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
    auth::{Limiter, NoRoom, Principal, RoomToFail},
    graphql::{
        error::{Coded, broken, name, not_usable, own_customer, rate_limited, refused},
        types::Promotion,
    },
    promotions::{Code, CustomerId, LinkOutcome, PromotionMode, PromotionService, Refusal, StoreError},
};

/// Callers who may not know why a link failed are told that it did at the next full period since they asked: how long
/// it took to find out would tell unknown codes from taken ones.
const FAILURES_TOLD_EVERY: Duration = Duration::from_millis(50);

/// How long to wait for room that other requests of the same caller have.
const PATIENCE: Duration = Duration::from_secs(5);

/// What linking is asked for.
type Link = (PromotionMode, Code, CustomerId);

/// The links of one field.
pub struct LinkAttempts<'a> {
    service: &'a PromotionService,
    limiter: &'a Limiter,
    principal: &'a Principal,
}

impl<'a> LinkAttempts<'a> {
    /// Those of the caller of a request.
    pub fn new(ctx: &Context<'a>) -> Result<Self> {
        let (service, limiter) = (ctx.data::<Arc<PromotionService>>()?, ctx.data::<Arc<Limiter>>()?);
        Ok(Self { service, limiter, principal: ctx.data::<Principal>()? })
    }

    /// Links codes, each with its own outcome, in the order given.
    pub async fn link(&self, inputs: &[LinkPromotionCodeInput]) -> Vec<Result<Promotion>> {
        let started = Instant::now();
        let mut results = BTreeMap::new();
        let mut waiting = Vec::with_capacity(inputs.len());
        for (position, input) in inputs.iter().enumerate() {
            match self.admit(input) {
                Ok(link) => waiting.push((position, link)),
                Err(error) => drop(results.insert(position, Err(error))),
            }
        }
        let (mut failed, patience) = (false, started + PATIENCE);
        // As many at once as may fail; the others when some have not.
        while !waiting.is_empty() {
            let released = self.limiter.room_released();
            let (mut now, mut later) = (Vec::with_capacity(waiting.len()), Vec::new());
            // Whose turn has not come: it does not while this goes on.
            let (mut nobody, mut customers) = (false, HashSet::new());
            for (position, link) in waiting {
                if nobody || customers.contains(&link.2) {
                    later.push((position, link));
                    continue;
                }
                match self.limiter.room_to_fail(self.principal, link.2) {
                    Ok(room) => now.push((position, link, room)),
                    Err(NoRoom::Spent(wait)) => {
                        results.insert(position, Err(rate_limited(wait, "failed links")));
                    }
                    Err(none) => {
                        nobody |= none == NoRoom::Taken;
                        customers.insert(link.2);
                        later.push((position, link));
                    }
                }
            }
            // Other requests of the same caller have all the room: it comes back when they are done.
            if now.is_empty() && !later.is_empty() && timeout_at(patience, released).await.is_err() {
                let busy = || Err(broken(&StoreError::Overloaded));
                results.extend(later.into_iter().map(|(position, _)| (position, busy())));
                break;
            }
            let links = now.iter().map(|(_, link, _)| link.clone()).collect();
            let outcomes = self.service.link_many(self.principal.org, links).await;
            for ((position, link, room), outcome) in now.into_iter().zip(outcomes) {
                failed |= outcome.as_ref().map_or(true, Result::is_err);
                results.insert(position, self.settle(&link.1, room, outcome));
            }
            waiting = later;
        }
        if failed && !self.principal.is_trusted() {
            let periods = started.elapsed().as_millis() / FAILURES_TOLD_EVERY.as_millis() + 1;
            sleep_until(started + FAILURES_TOLD_EVERY * u32::try_from(periods).unwrap_or(u32::MAX)).await;
        }
        results.into_values().inspect(count).collect()
    }

    fn admit(&self, input: &LinkPromotionCodeInput) -> Result<Link> {
        self.limiter.link(self.principal).map_err(|wait| rate_limited(wait, "links"))?;
        let link = input.parse()?;
        own_customer(self.principal, link.2)?;
        Ok(link)
    }

    fn settle(&self, code: &Code, room: RoomToFail<'_>, outcome: Result<LinkOutcome, StoreError>) -> Result<Promotion> {
        match outcome {
            Ok(Ok(promotion)) => {
                room.give_back();
                Ok(Promotion(promotion))
            }
            Err(error) => {
                // Only a code that there is can be held by someone else: who is not trusted pays for learning that.
                if self.principal.is_trusted() || !matches!(error, StoreError::Contended(_)) {
                    room.give_back();
                }
                Err(broken(&error))
            }
            Ok(Err(refusal)) if self.principal.is_trusted() => Err(refused(refusal)),
            Ok(Err(refusal)) => {
                log(code, refusal);
                Err(not_usable())
            }
        }
    }
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
    let shown = if code.text().chars().count() < SHORTEST_WITH_BEGINNING { 0 } else { 2 };
    let beginning: String = code.text().chars().take(shown).collect();
    tracing::info!(code = %format_args!("{beginning}..."), reason = ?refusal, "a code was not linked");
}

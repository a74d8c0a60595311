//! The rules of linking: one pure function that both databases call between their reads and their writes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    attribution::Attribution,
    campaign::{Campaign, PromotionMode},
    code::{CodeKey, FoldedCode, PromotionCode},
    event::{LinkOrigin, NewEvent},
    ids::{CampaignId, CustomerId, OrgId, PromotionId},
    promotion::Promotion,
    refusal::Refusal,
    time::Timestamp,
};

/// A request to link one code to one customer.
#[derive(Debug, Clone)]
pub struct LinkRequest {
    /// The id for the promotion, if the request creates one.
    pub id: PromotionId,
    /// The code.
    pub key: CodeKey,
    /// The customer.
    pub customer_id: CustomerId,
    /// How the promotion comes about.
    pub origin: LinkOrigin,
    /// Who links it.
    pub attribution: Attribution,
}

/// The mode and text of a code, and a customer.
pub type LinkKey = (PromotionMode, FoldedCode, CustomerId);

/// The promotion, new or already held, or why it was refused.
pub type LinkOutcome = Result<Promotion, Refusal>;

/// What linking would do, or why it would be refused.
pub type LinkCheck = Result<Linkable, Refusal>;

/// What linking would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linkable {
    /// It returns this promotion, by which the customer holds the code.
    Held(Promotion),
    /// It would create a promotion like this one. The id is not used.
    New(Promotion),
}

impl Linkable {
    /// The promotion.
    #[must_use]
    pub const fn promotion(&self) -> &Promotion {
        match self {
            Self::Held(promotion) | Self::New(promotion) => promotion,
        }
    }

    /// The promotion.
    #[must_use]
    pub fn into_promotion(self) -> Promotion {
        match self {
            Self::Held(promotion) | Self::New(promotion) => promotion,
        }
    }
}

/// The data that the rules read, under the locks of the transaction that writes their decisions.
#[derive(Debug, Default)]
pub struct WorkingSet {
    /// The requested codes that exist and are not locked.
    pub codes: HashMap<CodeKey, CodeState>,
    /// The requested codes that another transaction has locked. They can't be decided.
    pub locked: HashSet<CodeKey>,
    /// The number of codes of a campaign that a customer holds, if the campaign limits it. Absent for 0.
    pub held: HashMap<(OrgId, CampaignId, CustomerId), u32>,
}

/// A requested code, with the data that decides about it.
#[derive(Debug, Clone)]
pub struct CodeState {
    /// The code.
    pub code: PromotionCode,
    /// Its campaign.
    pub campaign: Arc<Campaign>,
    /// The holds on it of the customers in the batch.
    pub holds: HashMap<CustomerId, Promotion>,
}

/// The decisions about a batch.
#[derive(Debug, Default)]
pub struct Decisions {
    /// The outcome of each request, in order. `None` if another transaction has locked the code.
    pub outcomes: Vec<Option<LinkOutcome>>,
    /// The positions of the requests whose promotion is new.
    new: Vec<usize>,
}

impl Decisions {
    /// The promotions to write.
    pub fn new_promotions(&self) -> impl Iterator<Item = &Promotion> {
        self.new.iter().filter_map(|&position| self.outcomes[position].as_ref()?.as_ref().ok())
    }

    /// The events of the promotions to write, in the same order.
    #[must_use]
    pub fn events(&self, requests: &[LinkRequest], now: Timestamp) -> Vec<NewEvent> {
        let requests = self.new.iter().map(|&position| &requests[position]);
        let linked = |(promotion, request): (&Promotion, &LinkRequest)| {
            NewEvent::linked(promotion, request.origin, &request.attribution, now)
        };
        self.new_promotions().zip(requests).map(linked).collect()
    }
}

/// Decides a batch in order. Each request sees the decisions before it.
#[must_use]
pub fn decide(mut set: WorkingSet, requests: &[LinkRequest], now: Timestamp) -> Decisions {
    let mut decisions = Decisions::default();
    for (position, request) in requests.iter().enumerate() {
        let outcome = match set.codes.get_mut(&request.key) {
            None if set.locked.contains(&request.key) => None,
            None => Some(Err(Refusal::CodeNotFound)),
            Some(state) => Some(match state.holds.get(&request.customer_id) {
                Some(promotion) => Ok(promotion.clone()),
                None => link_new(state, &mut set.held, request, now).inspect(|_| decisions.new.push(position)),
            }),
        };
        decisions.outcomes.push(outcome);
    }
    decisions
}

/// What linking would decide about a single request. An unlocked code of the set can change at any time.
pub fn check(set: &WorkingSet, request: &LinkRequest, now: Timestamp) -> LinkCheck {
    let Some(state) = set.codes.get(&request.key) else { return Err(Refusal::CodeNotFound) };
    if let Some(promotion) = state.holds.get(&request.customer_id) {
        return Ok(Linkable::Held(promotion.clone()));
    }
    let held = set.held.get(&(state.campaign.org, state.campaign.id, request.customer_id));
    permit(state, held.copied().unwrap_or(0), now)?;
    Ok(Linkable::New(new_promotion(state, request, now)))
}

/// Links a code that the customer does not hold, unless a rule forbids it.
fn link_new(
    state: &mut CodeState,
    held: &mut HashMap<(OrgId, CampaignId, CustomerId), u32>,
    request: &LinkRequest,
    now: Timestamp,
) -> LinkOutcome {
    let key = (state.campaign.org, state.campaign.id, request.customer_id);
    permit(state, held.get(&key).copied().unwrap_or(0), now)?;
    if state.campaign.max_links_per_customer.is_some() {
        *held.entry(key).or_insert(0) += 1;
    }
    state.code.link_count += 1;
    let promotion = new_promotion(state, request, now);
    state.holds.insert(request.customer_id, promotion.clone());
    Ok(promotion)
}

/// Whether a code can be linked to a customer who does not hold it, and holds this many of the campaign's codes. The order of
/// the rules is part of the API.
fn permit(CodeState { code, campaign, .. }: &CodeState, held: u32, now: Timestamp) -> Result<(), Refusal> {
    if code.revoked_on.is_some() {
        return Err(Refusal::CodeRevoked);
    }
    if !campaign.active {
        return Err(Refusal::PromotionInactive);
    }
    if now > campaign.valid_till {
        return Err(Refusal::PromotionExpired);
    }
    if let Some(max_links) = code.max_links
        && code.link_count >= max_links
    {
        return Err(if max_links == 1 { Refusal::CodeAlreadyLinked } else { Refusal::LinkLimitReached });
    }
    if campaign.max_links_per_customer.is_some_and(|max_links| held >= max_links) {
        return Err(Refusal::CustomerLimitReached);
    }
    Ok(())
}

fn new_promotion(CodeState { code, campaign, .. }: &CodeState, request: &LinkRequest, now: Timestamp) -> Promotion {
    Promotion {
        id: request.id,
        customer_id: request.customer_id,
        code: code.code.clone(),
        created_on: now,
        unlinked_on: None,
        revoked: false,
        redemption_count: 0,
        campaign: Arc::clone(campaign),
    }
}

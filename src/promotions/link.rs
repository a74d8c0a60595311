//! The rules of linking: one pure function, which every database calls between its reads and its writes.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use super::{
    campaign::Campaign,
    code::{CodeKey, PromotionCode},
    ids::{CampaignId, CustomerId, OrgId, PromotionId},
    promotion::Promotion,
    refusal::Refusal,
    time::Timestamp,
};

/// One customer asks for one code.
#[derive(Debug, Clone)]
pub struct LinkRequest {
    /// The id of the promotion that linking will make, if it makes one.
    pub id: PromotionId,
    /// The code.
    pub key: CodeKey,
    /// Who wants it.
    pub customer_id: CustomerId,
}

/// The promotion, new or held already, or why not.
pub type LinkOutcome = Result<Promotion, Refusal>;

/// All that the rules look at, read under the locks of the transaction that will write what they decide.
#[derive(Debug, Default)]
pub struct WorkingSet {
    /// The codes asked for that there are.
    pub codes: HashMap<CodeKey, CodeState>,
    /// The codes asked for that another transaction has locked. They can't be decided.
    pub locked: HashSet<CodeKey>,
    /// How many codes of a campaign a customer holds, where the campaign limits that. Absent: none.
    pub held: HashMap<(OrgId, CampaignId, CustomerId), u32>,
}

/// A code asked for, with what decides its fate.
#[derive(Debug)]
pub struct CodeState {
    /// The code.
    pub code: PromotionCode,
    /// Its campaign.
    pub campaign: Arc<Campaign>,
    /// The holds that the asking customers have on it already.
    pub holds: HashMap<CustomerId, Promotion>,
}

/// What the rules decided about a batch.
#[derive(Debug, Default)]
pub struct Decisions {
    /// The outcome of each request, in their order. `None` if another transaction has locked the code.
    pub outcomes: Vec<Option<LinkOutcome>>,
    /// The positions of the requests whose promotion is new.
    new: Vec<usize>,
}

impl Decisions {
    /// The promotions that have to be written.
    pub fn new_promotions(&self) -> impl Iterator<Item = &Promotion> {
        self.new.iter().filter_map(|&position| self.outcomes[position].as_ref()?.as_ref().ok())
    }
}

/// Decides a batch in the order of arrival; each request sees what was decided before it.
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

/// Links a code that the customer does not hold, unless a rule forbids it. The order of the rules is part of the API.
fn link_new(
    state: &mut CodeState,
    held: &mut HashMap<(OrgId, CampaignId, CustomerId), u32>,
    request: &LinkRequest,
    now: Timestamp,
) -> LinkOutcome {
    let CodeState { code, campaign, holds } = state;
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
    if let Some(max_per_customer) = campaign.max_links_per_customer {
        match held.entry((campaign.org, campaign.id, request.customer_id)) {
            Entry::Occupied(entry) if *entry.get() >= max_per_customer => return Err(Refusal::CustomerLimitReached),
            entry => *entry.or_insert(0) += 1,
        }
    }
    code.link_count += 1;
    let promotion = Promotion {
        id: request.id,
        customer_id: request.customer_id,
        code: code.code.clone(),
        created_on: now,
        unlinked_on: None,
        revoked: false,
        redemption_count: 0,
        campaign: Arc::clone(campaign),
    };
    holds.insert(request.customer_id, promotion.clone());
    Ok(promotion)
}

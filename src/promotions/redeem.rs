//! The rules of redeeming, of giving a use back and of giving up a hold: pure functions, like the link's.

use super::{
    code::CodeKey,
    ids::{CustomerId, OrgId, PromotionId, RedemptionId},
    promotion::Promotion,
    refusal::Refusal,
    time::Timestamp,
};

/// The longest transaction id, in characters.
pub const MAX_TRANSACTION_ID_CHARS: usize = 128;

/// The caller's own name for a use, unique in the organisation. Compared as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionId(String);

/// A string can't be a transaction id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("1 to {MAX_TRANSACTION_ID_CHARS} characters are wanted, none of them a control character")]
pub struct InvalidTransactionId;

impl TransactionId {
    /// Reads a transaction id.
    pub fn parse(text: &str) -> Result<Self, InvalidTransactionId> {
        let bad = text.is_empty()
            || text.chars().nth(MAX_TRANSACTION_ID_CHARS).is_some()
            || text.chars().any(char::is_control);
        if bad { Err(InvalidTransactionId) } else { Ok(Self(text.to_owned())) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One that the store kept, which was parsed before it was written.
    pub(crate) const fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// One use of a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// Its id.
    pub id: RedemptionId,
    /// The tenant.
    pub org: OrgId,
    /// What was used.
    pub promotion_id: PromotionId,
    /// The caller's name for it.
    pub transaction_id: TransactionId,
    /// When it was made.
    pub redeemed_on: Timestamp,
    /// When it was given back, if it was.
    pub reversed_on: Option<Timestamp>,
}

/// A customer wants to use a promotion.
#[derive(Debug, Clone)]
pub struct RedeemRequest {
    /// The id of the redemption, if there will be one.
    pub id: RedemptionId,
    /// The code.
    pub key: CodeKey,
    /// Who uses it.
    pub customer_id: CustomerId,
    /// The caller's name for the use.
    pub transaction_id: TransactionId,
}

/// The redemption, new or made before, or why not.
pub type RedeemOutcome = Result<Redemption, Refusal>;

/// What redeeming looks at, read while the customer's hold is locked.
#[derive(Debug)]
pub struct RedeemState {
    /// Whether the organisation has the code.
    pub code_exists: bool,
    /// The redemption that has the request's transaction id, with the code and the customer that it was for.
    pub earlier: Option<(Redemption, CodeKey, CustomerId)>,
    /// The customer's standing hold on the code.
    pub hold: Option<Promotion>,
}

/// What is to be done about a request to redeem.
#[derive(Debug)]
pub enum RedeemDecision {
    /// It was done before; nothing is written.
    Repeated(Redemption),
    /// To be written, and counted on its promotion.
    New(Redemption),
}

/// Decides whether a promotion can be used. The order of the rules is part of the API.
pub fn decide_redeem(state: RedeemState, request: &RedeemRequest, now: Timestamp) -> Result<RedeemDecision, Refusal> {
    if !state.code_exists {
        return Err(Refusal::CodeNotFound);
    }
    if let Some((redemption, key, customer_id)) = state.earlier {
        let same = key == request.key && customer_id == request.customer_id;
        return if same { Ok(RedeemDecision::Repeated(redemption)) } else { Err(Refusal::TransactionIdReused) };
    }
    let hold = state.hold.ok_or(Refusal::NotLinked)?;
    if hold.revoked {
        return Err(Refusal::CodeRevoked);
    }
    if !hold.campaign.active {
        return Err(Refusal::PromotionInactive);
    }
    if now > hold.valid_till() {
        return Err(Refusal::PromotionExpired);
    }
    if now < hold.campaign.redeemable_from {
        return Err(Refusal::NotYetRedeemable);
    }
    if hold.redemption_count >= hold.campaign.max_redemptions_per_link {
        return Err(Refusal::RedemptionLimitReached);
    }
    Ok(RedeemDecision::New(Redemption {
        id: request.id,
        org: request.key.org,
        promotion_id: hold.id,
        transaction_id: request.transaction_id.clone(),
        redeemed_on: now,
        reversed_on: None,
    }))
}

/// A change of a promotion's counts that has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Whether the code's link count goes down too: a hold counts while it stands, and after that while it has uses.
    pub frees_code: bool,
}

/// Gives a use back. `None`: it was given back before, and nothing is written.
pub fn decide_reverse(redemption: &mut Redemption, promotion: &Promotion, now: Timestamp) -> Option<Release> {
    if redemption.reversed_on.is_some() {
        return None;
    }
    redemption.reversed_on = Some(now);
    Some(Release { frees_code: promotion.unlinked_on.is_some() && promotion.redemption_count == 1 })
}

/// Gives a hold up. `None`: it was given up before, and nothing is written.
pub fn decide_unlink(promotion: &mut Promotion, now: Timestamp) -> Option<Release> {
    if promotion.unlinked_on.is_some() {
        return None;
    }
    promotion.unlinked_on = Some(now);
    Some(Release { frees_code: promotion.redemption_count == 0 })
}

//! The rules of redeeming, reversing and unlinking: pure functions, like the rules of linking.

use super::{
    attribution::Attribution,
    code::CodeKey,
    ids::{CustomerId, OrgId, PromotionId, RedemptionId},
    money::Money,
    promotion::Promotion,
    refusal::Refusal,
    time::Timestamp,
};

/// The longest transaction id, in characters.
pub const MAX_TRANSACTION_ID_CHARS: usize = 128;

/// The caller's own id of a redemption, unique in the organisation. Compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransactionId(String);

/// A string is not a transaction id. The message follows the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_TRANSACTION_ID_CHARS} characters, without control characters")]
pub struct InvalidTransactionId;

impl TransactionId {
    /// Parses a transaction id.
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

    /// A transaction id read from the store. It was parsed before it was written.
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
    /// The promotion that was redeemed.
    pub promotion_id: PromotionId,
    /// The caller's id of it.
    pub transaction_id: TransactionId,
    /// When it was redeemed.
    pub redeemed_on: Timestamp,
    /// When it was reversed, if it was.
    pub reversed_on: Option<Timestamp>,
    /// What it took off the cart, if the caller said so.
    pub amount: Option<Money>,
}

/// A request to redeem the promotion of one customer and code.
#[derive(Debug, Clone)]
pub struct RedeemRequest {
    /// The id for the redemption, if the request creates one.
    pub id: RedemptionId,
    /// The code.
    pub key: CodeKey,
    /// The customer that redeems it.
    pub customer_id: CustomerId,
    /// The caller's id of the redemption.
    pub transaction_id: TransactionId,
    /// What it takes off the cart, if the caller says so.
    pub amount: Option<Money>,
    /// Who redeems it.
    pub attribution: Attribution,
}

/// The redemption, new or from an earlier request, or why it was refused.
pub type RedeemOutcome = Result<Redemption, Refusal>;

/// The data that the rules of redeeming read, while the customer's hold is locked.
#[derive(Debug)]
pub struct RedeemState {
    /// Whether the organisation has the code.
    pub code_exists: bool,
    /// The redemption with the request's transaction id, if any, with its code and customer.
    pub earlier: Option<(Redemption, CodeKey, CustomerId)>,
    /// The customer's current hold on the code.
    pub hold: Option<Promotion>,
}

/// What to do about a request to redeem.
#[derive(Debug)]
pub enum RedeemDecision {
    /// An earlier request redeemed it; write nothing.
    Repeated(Redemption),
    /// Write it, and count it on its promotion, which is then as given.
    New(Redemption, Promotion),
}

/// Decides whether a promotion can be redeemed. The order of the rules is part of the API.
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
    let redemption = Redemption {
        id: request.id,
        org: request.key.org,
        promotion_id: hold.id,
        transaction_id: request.transaction_id.clone(),
        redeemed_on: now,
        reversed_on: None,
        amount: request.amount,
    };
    let promotion = Promotion { redemption_count: hold.redemption_count + 1, ..hold };
    Ok(RedeemDecision::New(redemption, promotion))
}

/// The effect of reversing or unlinking on the link count of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Whether the code's link count decreases. A hold counts until it is unlinked, and longer while it has redemptions.
    pub frees_code: bool,
}

/// Reverses a redemption. Returns `None` if it was reversed before and nothing is to be written.
pub fn decide_reverse(redemption: &mut Redemption, promotion: &Promotion, now: Timestamp) -> Option<Release> {
    if redemption.reversed_on.is_some() {
        return None;
    }
    redemption.reversed_on = Some(now);
    Some(Release { frees_code: promotion.unlinked_on.is_some() && promotion.redemption_count == 1 })
}

/// Unlinks a promotion. Returns `None` if it was unlinked before and nothing is to be written.
pub fn decide_unlink(promotion: &mut Promotion, now: Timestamp) -> Option<Release> {
    if promotion.unlinked_on.is_some() {
        return None;
    }
    promotion.unlinked_on = Some(now);
    Some(Release { frees_code: promotion.redemption_count == 0 })
}

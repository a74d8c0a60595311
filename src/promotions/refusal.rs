//! Refusals: the expected outcomes in which the rules forbid a request. They are data, not errors.

/// Why the rules forbid a request. The text is for people; programs read the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The organisation has no such code in this mode.
    #[error("There is no promotion code with this text and mode.")]
    CodeNotFound,
    /// The code was revoked.
    #[error("This promotion code has been revoked.")]
    CodeRevoked,
    /// The code's campaign is inactive.
    #[error("The campaign of this promotion code is not active.")]
    PromotionInactive,
    /// The campaign or the promotion is past its `validTill`.
    #[error("The promotion has expired.")]
    PromotionExpired,
    /// The code is for one customer, and another customer holds it.
    #[error("Another customer has already linked this promotion code.")]
    CodeAlreadyLinked,
    /// The code has reached its `maxLinks`.
    #[error("This promotion code has reached its maximum number of customers.")]
    LinkLimitReached,
    /// The customer has reached the campaign's `maxLinksPerCustomer`.
    #[error("The customer already holds the maximum number of codes of this campaign.")]
    CustomerLimitReached,
    /// The customer does not hold the code.
    #[error("The customer does not hold this promotion code.")]
    NotLinked,
    /// The campaign's `redeemableFrom` is in the future.
    #[error("The promotion can't be redeemed yet.")]
    NotYetRedeemable,
    /// The promotion has reached its campaign's `maxRedemptionsPerLink`.
    #[error("The promotion has reached its maximum number of redemptions.")]
    RedemptionLimitReached,
    /// The transaction id belongs to a redemption of another promotion.
    #[error("This transactionId was already used to redeem another promotion.")]
    TransactionIdReused,
    /// The campaign has been changed since the version that the caller knows.
    #[error("The campaign has been changed: it no longer has the expected version.")]
    VersionConflict,
    /// The organisation has no object with this id.
    #[error("There is no object with this id.")]
    NotFound,
}

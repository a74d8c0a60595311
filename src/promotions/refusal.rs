//! The expected ways in which the domain says no. Not errors: data, decided by the rules.

/// Why a request was not granted. The text is for people; programs read the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The organisation has no such code in that mode.
    #[error("There is no such promotion code.")]
    CodeNotFound,
    /// The code was withdrawn.
    #[error("This promotion code has been revoked.")]
    CodeRevoked,
    /// The code's campaign is switched off.
    #[error("The promotion of this code is not active.")]
    PromotionInactive,
    /// The code's campaign is past its `validTill`.
    #[error("The promotion of this code has expired.")]
    PromotionExpired,
    /// The code is for one customer, and another one has it.
    #[error("This promotion code has already been linked.")]
    CodeAlreadyLinked,
    /// As many customers hold the code as may.
    #[error("This promotion code has been linked as often as it may be.")]
    LinkLimitReached,
    /// The customer holds as many codes of the campaign as one customer may.
    #[error("The customer holds as many codes of this promotion as one customer may.")]
    CustomerLimitReached,
    /// The customer does not hold the code.
    #[error("The customer does not hold this promotion code.")]
    NotLinked,
    /// The campaign's time has not come.
    #[error("The promotion can't be redeemed yet.")]
    NotYetRedeemable,
    /// The promotion is used up.
    #[error("The promotion has been redeemed as often as it may be.")]
    RedemptionLimitReached,
    /// The transaction redeemed something else.
    #[error("This transactionId belongs to a redemption of another promotion.")]
    TransactionIdReused,
    /// The organisation has nothing with this id.
    #[error("There is nothing with this id.")]
    NotFound,
}

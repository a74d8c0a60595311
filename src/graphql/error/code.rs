//! `ErrorCode`: the values of `extensions.code`.

use async_graphql::{Enum, resolver_utils::EnumType};

use crate::promotions::{Refusal, StoreError};

/// The possible values of `errors[].extensions.code` and of `LinkPromotionCodeError.code`. Clients should branch on the
/// code, not on the message.
///
/// The other extensions are `retryable` (whether the same request may succeed later), `field` (the argument, input
/// field or schema field that is invalid, not permitted or too old, with INVALID_INPUT, FORBIDDEN and POSITION_EXPIRED),
/// `retryAfter` (seconds to wait, with RATE_LIMITED) and `requestId` (with INTERNAL).
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A value is malformed or out of range. The extension `field` names it. The field at the error's `path` had no
    /// effect. If that field is nested in the result of a mutation, the mutation itself took effect.
    InvalidInput,
    /// The organisation has no such code in this mode.
    CodeNotFound,
    /// The code is for one customer (`maxLinks` is 1), and another customer has linked it.
    CodeAlreadyLinked,
    /// The code was revoked.
    CodeRevoked,
    /// `maxLinks` customers have already linked the code.
    LinkLimitReached,
    /// The customer already holds `maxLinksPerCustomer` codes of the campaign.
    CustomerLimitReached,
    /// The campaign is not active.
    PromotionInactive,
    /// The campaign or the promotion is past its `validTill`.
    PromotionExpired,
    /// The customer does not hold this code.
    NotLinked,
    /// The campaign's `redeemableFrom` is in the future.
    NotYetRedeemable,
    /// The promotion has already been redeemed `maxRedemptionsPerLink` times.
    RedemptionLimitReached,
    /// The `transactionId` belongs to a redemption of another promotion.
    TransactionIdReused,
    /// The organisation has no object with this id.
    NotFound,
    /// The object already exists. Reserved: no field currently returns this error.
    Duplicate,
    /// The campaign no longer has the `expectedVersion`. Read it again before you change it.
    Conflict,
    /// The code can't be linked. Storefronts and customers get this error instead of the reason.
    CodeNotUsable,
    /// The pattern has too few `#` for the number of codes, so codes could be guessed. The message states how many are
    /// required.
    CodeSpaceTooSmall,
    /// Events that follow this position have been removed, because they were older than `--events-kept`. The message states
    /// the position of the last removed event. Read the current state of what you follow before you continue.
    PositionExpired,
    /// The credential is missing, unknown, expired, revoked or malformed. Nothing was executed.
    Unauthenticated,
    /// The credential does not permit the request. If the extension `field` names a field of the schema, such as
    /// `Query.campaigns`, nothing was executed. If it names the argument `customerId`, the credential is for another
    /// customer, and the field at the error's `path` had no effect.
    Forbidden,
    /// Too many operations, links, failed links or new links. The message states which limit was reached, and whether
    /// it applies to the credential or to this customer. Retry after `retryAfter` seconds; if the whole request was
    /// rejected, the header `Retry-After` has the same value. The code of a rejected link was not looked up.
    RateLimited,
    /// The document exceeds a limit, for example on its size, its depth or the number of values that it selects. The
    /// message names the limit and its value. Nothing was executed. At a field of a response: the texts of the response exceed
    /// their limit; a mutation took effect.
    LimitExceeded,
    /// The server or its database is overloaded or unavailable. Retry shortly.
    Overloaded,
    /// An internal error of the server. The cause is in the server's log, under the request id that the extension
    /// `requestId` and the header `x-request-id` contain.
    Internal,
    /// The request is not a valid GraphQL request. The message states why. Nothing was executed.
    BadRequest,
    /// The document has a syntax error. Nothing was executed.
    GraphqlParseFailed,
    /// The document does not conform to the schema. Nothing was executed.
    GraphqlValidationFailed,
    /// The value of a variable does not conform to its type. Nothing was executed.
    BadUserInput,
    /// The server has no persisted document with this id. Nothing was executed.
    PersistedDocumentNotFound,
    /// The server executes persisted documents only. Nothing was executed.
    PersistedDocumentRequired,
    /// The server does not have the document of this automatic persisted query. Send the document's text together with
    /// the hash. Nothing was executed.
    PersistedQueryNotFound,
    /// The server does not accept automatic persisted queries, because it executes persisted documents only. Nothing
    /// was executed.
    PersistedQueryNotSupported,
    /// The request took too long. A mutation that had already started is still completed. To get its result, send it
    /// again if it is safe to retry.
    Timeout,
}

impl ErrorCode {
    /// The code as responses have it, such as `CODE_NOT_FOUND`.
    pub fn name(self) -> &'static str {
        Self::items().iter().find(|item| item.value == self).map_or("", |item| item.name)
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Overloaded | Self::RateLimited | Self::Timeout)
    }
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CodeNotFound => Self::CodeNotFound,
            Refusal::CodeRevoked => Self::CodeRevoked,
            Refusal::PromotionInactive => Self::PromotionInactive,
            Refusal::PromotionExpired => Self::PromotionExpired,
            Refusal::CodeAlreadyLinked => Self::CodeAlreadyLinked,
            Refusal::LinkLimitReached => Self::LinkLimitReached,
            Refusal::CustomerLimitReached => Self::CustomerLimitReached,
            Refusal::NotLinked => Self::NotLinked,
            Refusal::NotYetRedeemable => Self::NotYetRedeemable,
            Refusal::RedemptionLimitReached => Self::RedemptionLimitReached,
            Refusal::TransactionIdReused => Self::TransactionIdReused,
            Refusal::VersionConflict => Self::Conflict,
            Refusal::NotFound => Self::NotFound,
        }
    }
}

impl From<&StoreError> for ErrorCode {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Overloaded | StoreError::Contended(_) | StoreError::Unavailable(_) | StoreError::Full(_) => {
                Self::Overloaded
            }
            StoreError::Failed(_) => Self::Internal,
        }
    }
}

//! `ErrorCode`: the values of `extensions.code`.

use async_graphql::{Enum, resolver_utils::EnumType};

use crate::promotions::{Refusal, StoreError};

/// Every value of `errors[].extensions.code`, and of the `code` of a failed link. Clients should branch on the code,
/// not on the message.
///
/// The other extensions are `retryable` (whether the same request may succeed later), `field` (the argument, input
/// field or schema field that is wrong or forbidden, with INVALID_INPUT and FORBIDDEN), `retryAfter` (seconds to wait,
/// with RATE_LIMITED) and `requestId` (with INTERNAL).
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A value is malformed or out of range. The extension `field` names it. The field at the error's `path` did
    /// nothing. If that field is below a mutation's field, the mutation itself took effect.
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
    /// Already exists. Reserved: no field returns this code at present.
    Duplicate,
    /// The code can't be linked. Storefronts and customers get this code instead of the reason.
    CodeNotUsable,
    /// The pattern has too few `#` for the number of codes: they could be guessed. The message says how many are
    /// needed.
    CodeSpaceTooSmall,
    /// The credential is missing, unknown, expired, revoked or malformed. Nothing was executed.
    Unauthenticated,
    /// The credential does not permit this. The extension `field` names what it does not permit: either a field of the
    /// schema, such as `Query.campaigns`, and nothing was executed; or the argument `customerId`, because the
    /// credential is for another customer, and the field at the error's `path` did nothing.
    Forbidden,
    /// Too many operations, links, failed links or new links. The message says which, and whether the limit is that of
    /// the credential or of this customer. Retry after `retryAfter` seconds (also in the header `Retry-After` if the
    /// whole request was rejected). A code of a rejected link was not looked up.
    RateLimited,
    /// The document exceeds a limit, for example on its size, its depth or the number of values that it selects. The
    /// message names the limit and its value. Nothing was executed.
    LimitExceeded,
    /// The server or its database is overloaded or unavailable. Nothing was lost: retry shortly.
    Overloaded,
    /// An error in the server. Its log has the cause under the request's id, which the extension `requestId` and the
    /// header `x-request-id` contain.
    Internal,
    /// Not a valid GraphQL request. The message says why. Nothing was executed.
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
    /// The server has no document with the hash of this automatic persisted query. Send the document's text with the
    /// hash. Nothing was executed.
    PersistedQueryNotFound,
    /// The server does not accept automatic persisted queries, because it executes persisted documents only. Nothing
    /// was executed.
    PersistedQueryNotSupported,
    /// The request took too long. A change that had begun still takes effect. To find out, send the same link,
    /// redemption or other change that is safe to retry again.
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

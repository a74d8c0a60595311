//! Failures as callers see them: a message, and `extensions: { code, field?, retryable }`.

use std::sync::Arc;

use async_graphql::{Enum, Error, resolver_utils::enum_value};

use crate::promotions::{Refusal, SpaceTooSmall, StoreError};

/// What a nullable field that can fail returns: a failure leaves it null and the rest of the answer alone.
pub type Nullable<T> = Option<Result<T, Error>>;

/// Every value that errors[].extensions.code can take.
///
/// Beside it stand `retryable`, true where the same request may succeed later, and with INVALID_INPUT `field`, the
/// argument or input field that is wrong.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A value is malformed or out of range; the extension `field` names it. The field at the error's `path` did nothing;
    /// where that is below a mutation's field, the mutation itself was done.
    InvalidInput,
    /// The organisation has no such code in this mode.
    CodeNotFound,
    /// The code is for one customer, and another one has linked it.
    CodeAlreadyLinked,
    /// The code was revoked.
    CodeRevoked,
    /// As many customers as may (`maxLinks`) hold the code.
    LinkLimitReached,
    /// The customer holds as many codes of the campaign as one may (`maxLinksPerCustomer`).
    CustomerLimitReached,
    /// The campaign is switched off.
    PromotionInactive,
    /// The campaign or the promotion is past its `validTill`.
    PromotionExpired,
    /// The customer does not hold this code.
    NotLinked,
    /// The campaign's `redeemableFrom` has not come.
    NotYetRedeemable,
    /// The promotion has been redeemed as often as it may be (`maxRedemptionsPerLink`).
    RedemptionLimitReached,
    /// The `transactionId` belongs to a redemption of another promotion.
    TransactionIdReused,
    /// There is nothing with this id.
    NotFound,
    /// It is there already.
    Duplicate,
    /// The code can't be used; callers that are not trusted learn no more than that.
    CodeNotUsable,
    /// The pattern has too few codes in it for as many as were asked for.
    CodeSpaceTooSmall,
    /// The credential is missing, unknown, expired or malformed.
    Unauthenticated,
    /// The credential does not allow this.
    Forbidden,
    /// Too many requests or failed attempts; wait as long as the Retry-After header says.
    RateLimited,
    /// The server can't take more at the moment. Nothing was lost: try again shortly.
    Overloaded,
    /// Something broke in the server. Its log has the reason, under the request's id.
    Internal,
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

/// What an error's extensions say.
#[derive(Debug, Clone)]
pub struct Coded {
    /// What went wrong.
    pub code: ErrorCode,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The field that is wrong.
    pub field: Option<String>,
}

impl Coded {
    /// What an error that this module made says.
    pub fn of(error: &Error) -> Self {
        let coded = error.source.as_ref().and_then(|source| source.downcast_ref::<Self>());
        coded.cloned().unwrap_or(Self { code: ErrorCode::Internal, retryable: false, field: None })
    }

    fn into_error(self, message: String) -> Error {
        let mut error = Error::new(message);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", enum_value(self.code));
        extensions.set("retryable", self.retryable);
        if let Some(field) = &self.field {
            extensions.set("field", field.as_str());
        }
        error.source = Some(Arc::new(self));
        error
    }
}

fn coded(code: ErrorCode, message: impl Into<String>) -> Error {
    let retryable = matches!(code, ErrorCode::Overloaded | ErrorCode::RateLimited);
    Coded { code, retryable, field: None }.into_error(message.into())
}

/// The error for a value that is malformed or out of range.
pub fn invalid_input(field: &str, reason: impl std::fmt::Display) -> Error {
    let coded = Coded { code: ErrorCode::InvalidInput, retryable: false, field: Some(field.to_owned()) };
    coded.into_error(format!("Invalid {field}: {reason}."))
}

/// The error for what the rules forbid.
pub fn refused(refusal: Refusal) -> Error {
    coded(refusal.into(), refusal.to_string())
}

/// The error for a pattern with too few codes in it.
pub fn code_space_too_small(too_small: SpaceTooSmall) -> Error {
    coded(ErrorCode::CodeSpaceTooSmall, too_small.to_string())
}

/// The error for what broke. The cause goes to the log, once, and no further.
pub fn broken(error: &StoreError) -> Error {
    match error {
        StoreError::Overloaded | StoreError::Contended(_) => {
            tracing::warn!(%error, "request refused");
            coded(ErrorCode::Overloaded, "The server is busy. Please try again shortly.")
        }
        StoreError::Unavailable(_) => {
            tracing::error!(%error, "request failed");
            coded(ErrorCode::Overloaded, "The server can't reach its database. Please try again shortly.")
        }
        StoreError::Failed(_) => {
            tracing::error!(%error, "request failed");
            coded(ErrorCode::Internal, "Something went wrong in the server.")
        }
    }
}

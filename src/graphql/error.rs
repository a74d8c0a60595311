//! Errors as callers see them: a message, and `extensions: { code, field?, retryAfter?, retryable }`.
//!
//! Building an error has no side effects. The code that decides that a request fails also counts or logs it, for example with
//! [`log_store_error`].

mod code;
mod log;
mod request;
mod response_path;

use std::fmt::Display;

use async_graphql::{Error, Pos, ServerError, resolver_utils::enum_value};

pub use self::{
    code::ErrorCode,
    log::{log_overload, log_store_error},
    request::{
        bad_request, code_of, credential_lookup_failed, credential_unchecked, internal, is_overloaded, name_request,
        overloaded, request_error, timed_out, too_many_operations, unauthenticated,
    },
    response_path::{mask_uncoded, place, restore_path, shortened},
};
use crate::{
    auth::{Limit, Principal, RetryAfter},
    promotions::{CustomerId, Refusal, SpaceTooSmall, StoreError},
};

/// The type of a nullable field that can fail: it is then null, and the rest of the response is not affected.
pub type Nullable<T> = Option<Result<T, Error>>;

/// The message if the server is overloaded.
const BUSY: &str = "The server is busy. Try again shortly.";

/// The message of an unexpected error, whose cause only the log has.
const BROKEN: &str = "Internal server error. The server's log has the cause under the id of this request.";

/// An error as its caller sees it.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// The argument, input field or schema field that is wrong or forbidden.
    pub field: Option<String>,
    /// Seconds to wait before the same request may succeed.
    pub retry_after: Option<u64>,
}

impl ApiError {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, retry_after: None }
    }

    fn of_field(code: ErrorCode, field: &str, message: String) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(code, message) }
    }

    /// The error of a document at this position.
    pub fn into_server_error(self, position: Pos) -> ServerError {
        Error::from(self).into_server_error(position)
    }
}

/// Callers do not learn the cause: log it by [`log_store_error`].
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = match error {
            StoreError::Overloaded | StoreError::Contended(_) => BUSY,
            StoreError::Unavailable(_) | StoreError::Full(_) => {
                "The server can't use its database at the moment. Try again shortly."
            }
            StoreError::Failed(_) => BROKEN,
        };
        Self::new(ErrorCode::from(&error), message)
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        let ApiError { code, message, field, retry_after } = error;
        let mut error = Self::new(message);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", enum_value(code));
        extensions.set("retryable", code.is_retryable());
        if let Some(field) = field {
            extensions.set("field", field);
        }
        if let Some(seconds) = retry_after {
            extensions.set("retryAfter", seconds);
        }
        error
    }
}

/// A value is malformed or out of range. The reason follows the name of the field: "must be at least 1".
pub fn invalid_input(field: &str, reason: impl Display) -> ApiError {
    ApiError::of_field(ErrorCode::InvalidInput, field, format!("{field} {reason}."))
}

/// An item of a list is malformed. Positions begin with 0.
pub fn invalid_item(field: &str, position: usize, reason: impl Display) -> ApiError {
    ApiError::of_field(ErrorCode::InvalidInput, field, format!("{field}[{position}] {reason}."))
}

/// The credential does not permit this.
pub fn forbidden(field: &str, reason: impl Display) -> ApiError {
    ApiError::of_field(ErrorCode::Forbidden, field, format!("Forbidden {field}: {reason}."))
}

/// Rejects a caller whose credential is another customer's.
pub fn own_customer(principal: &Principal, customer: CustomerId) -> Result<(), ApiError> {
    match principal.only_customer() {
        Some(own) if own != customer => Err(forbidden("customerId", "the credential is for another customer")),
        _ => Ok(()),
    }
}

/// The caller has used up a limit.
pub fn rate_limited(limit: Limit, wait: RetryAfter) -> ApiError {
    let (subject, seconds) = (limit.subject(), wait.seconds());
    let whose = if limit.is_per_customer() { "for this customer" } else { "with this credential" };
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let message = format!("Too many {subject} {whose}. Try again in {seconds} {unit}.");
    ApiError { retry_after: Some(seconds), ..ApiError::new(ErrorCode::RateLimited, message) }
}

/// A code can't be linked, for callers who may not learn why: the same error for every code.
pub fn not_usable() -> ApiError {
    ApiError::new(ErrorCode::CodeNotUsable, "This promotion code can't be used.")
}

/// Events after a position have been removed. `removed` is the position of the last one.
pub fn position_expired(field: &str, removed: i64) -> ApiError {
    let message = format!(
        "{field} is too old: the events up to position {removed} have been removed. Read the current state of what you \
         follow, and continue after position {removed}."
    );
    ApiError::of_field(ErrorCode::PositionExpired, field, message)
}

/// The response would have too many bytes.
pub fn response_too_long(max_bytes: usize) -> ApiError {
    let megabytes = max_bytes / (1024 * 1024);
    let message = format!(
        "The response exceeds the limit of {megabytes} MiB for the texts of offers, metadata and the data of events. Request \
         shorter pages."
    );
    ApiError::new(ErrorCode::LimitExceeded, message)
}

/// The domain rules refuse the request.
pub fn refused(refusal: Refusal) -> ApiError {
    ApiError::new(refusal.into(), refusal.to_string())
}

/// A pattern has too few possible codes.
pub fn code_space_too_small(too_small: SpaceTooSmall) -> ApiError {
    ApiError::new(ErrorCode::CodeSpaceTooSmall, too_small.to_string())
}

/// The server is too busy.
pub fn busy() -> ApiError {
    ApiError::new(ErrorCode::Overloaded, BUSY)
}

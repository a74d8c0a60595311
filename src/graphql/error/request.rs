//! Errors of a request as a whole: nothing of it was executed, or nothing came of it.

use std::sync::LazyLock;

use async_graphql::{Error, Pos, ServerError, Value, resolver_utils::enum_value};

use super::{BROKEN, BUSY, ErrorCode, broken, coded, rate_limited};
use crate::{
    auth::{Limit, Wait},
    promotions::StoreError,
    telemetry::LogThrottle,
};

/// The error for a caller who showed no valid credential.
#[must_use]
pub fn unauthenticated() -> ServerError {
    let message = "A valid credential is wanted, as the header Authorization: Bearer.";
    request_error(ErrorCode::Unauthenticated, message)
}

/// The error for a caller who sends too many operations.
#[must_use]
pub fn too_many_operations(wait: Wait) -> ServerError {
    placeless(rate_limited(wait, Limit::Operations))
}

/// The error for a request that is none.
#[must_use]
pub fn bad_request(reason: &str) -> ServerError {
    request_error(ErrorCode::BadRequest, reason)
}

/// The error for a request that took too long, and may have been about to change something.
#[must_use]
pub fn timed_out(changes: bool) -> ServerError {
    request_error(
        ErrorCode::Timeout,
        if changes {
            "The request took too long. What it changes may still be done."
        } else {
            "The request took too long."
        },
    )
}

/// The error for a request that there is no room for.
#[must_use]
pub fn overloaded() -> ServerError {
    request_error(ErrorCode::Overloaded, BUSY)
}

/// Whether an error is one that another server, or this one a little later, would not answer with.
#[must_use]
pub fn is_overloaded(error: &ServerError) -> bool {
    coded_value(error) == Some(&enum_value(ErrorCode::Overloaded))
}

/// The code of an error, as callers see it.
#[must_use]
pub fn code_of(error: &ServerError) -> Option<String> {
    coded_value(error).map(name)
}

/// A code as text.
pub fn name(code: &Value) -> String {
    match code {
        Value::Enum(name) => name.to_string(),
        other => other.to_string(),
    }
}

fn coded_value(error: &ServerError) -> Option<&Value> {
    error.extensions.as_ref()?.get("code")
}

/// The error for what broke, and can't be told of.
#[must_use]
pub fn internal() -> ServerError {
    request_error(ErrorCode::Internal, BROKEN)
}

/// Names the request in an error whose reason is in the log.
pub fn name_request(error: &mut ServerError, id: &str) {
    let internal = coded_value(error) == Some(&enum_value(ErrorCode::Internal));
    if let Some(extensions) = &mut error.extensions
        && internal
    {
        extensions.set("requestId", id);
    }
}

/// The error for a request as a whole.
pub fn request_error(code: ErrorCode, message: impl Into<String>) -> ServerError {
    placeless(coded(code, message))
}

fn placeless(error: Error) -> ServerError {
    let mut error = error.into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// The error where a credential can't be checked. The cause goes to the log.
#[must_use]
pub fn credential_unchecked(cause: &(dyn std::error::Error + 'static)) -> ServerError {
    static LINES: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = LINES.allow_line() {
        tracing::error!(error = cause, left_out, "a credential could not be checked");
    }
    request_error(ErrorCode::Overloaded, "The credential can't be checked at the moment. Please try again shortly.")
}

/// The error where a credential could not be looked up. The cause goes to the log.
#[must_use]
pub fn not_looked_up(error: &StoreError) -> ServerError {
    placeless(broken(error))
}

//! Errors of a request as a whole: it was not executed, or its execution has no result.

use async_graphql::{Pos, ServerError, Value, resolver_utils::enum_value};

use super::{ApiError, BROKEN, BUSY, ErrorCode, rate_limited};
use crate::{
    auth::{Limit, RetryAfter},
    promotions::StoreError,
};

/// The request has no valid credential.
#[must_use]
pub fn unauthenticated() -> ServerError {
    let message = "Missing or invalid credential. Send a valid API key or customer token in the header \
                   \"Authorization: Bearer <credential>\".";
    request_error(ErrorCode::Unauthenticated, message)
}

/// The caller sends too many operations.
#[must_use]
pub fn too_many_operations(wait: RetryAfter) -> ServerError {
    without_location(rate_limited(Limit::Operations, wait))
}

/// The request is not a GraphQL request.
#[must_use]
pub fn bad_request(reason: &str) -> ServerError {
    request_error(ErrorCode::BadRequest, reason)
}

/// The request took too long. `changes`: whether it is a mutation, which may still take effect.
#[must_use]
pub fn timed_out(changes: bool) -> ServerError {
    let message = if changes {
        "The request took too long. Its changes may still take effect: send it again to find out."
    } else {
        "The request took too long. Try again, or select less."
    };
    request_error(ErrorCode::Timeout, message)
}

/// The server is overloaded.
#[must_use]
pub fn overloaded() -> ServerError {
    request_error(ErrorCode::Overloaded, BUSY)
}

/// Whether an error is due to load: another server, or this one a little later, would not return it.
#[must_use]
pub fn is_overloaded(error: &ServerError) -> bool {
    code_value(error) == Some(&enum_value(ErrorCode::Overloaded))
}

/// The code of an error, as callers see it.
#[must_use]
pub fn code_of(error: &ServerError) -> Option<String> {
    code_value(error).map(|code| match code {
        Value::Enum(name) => name.to_string(),
        other => other.to_string(),
    })
}

fn code_value(error: &ServerError) -> Option<&Value> {
    error.extensions.as_ref()?.get("code")
}

/// Something unexpected failed. Its cause is only in the log.
#[must_use]
pub fn internal() -> ServerError {
    request_error(ErrorCode::Internal, BROKEN)
}

/// Adds the request's id to an error whose cause is in the log.
pub fn name_request(error: &mut ServerError, id: &str) {
    let internal = code_value(error) == Some(&enum_value(ErrorCode::Internal));
    if let Some(extensions) = &mut error.extensions
        && internal
    {
        extensions.set("requestId", id);
    }
}

/// The credential can't be checked, because the keys of its issuer can't be read.
#[must_use]
pub fn credential_unchecked() -> ServerError {
    request_error(ErrorCode::Overloaded, "The credential can't be checked at the moment. Try again shortly.")
}

/// The store failed to look up the credential.
#[must_use]
pub fn credential_lookup_failed(error: StoreError) -> ServerError {
    without_location(error.into())
}

/// An error of a request as a whole.
pub fn request_error(code: ErrorCode, message: impl Into<String>) -> ServerError {
    without_location(ApiError::new(code, message))
}

fn without_location(error: ApiError) -> ServerError {
    let mut error = error.into_server_error(Pos::default());
    error.locations.clear();
    error
}

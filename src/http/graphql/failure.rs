//! Why a request has no result. [`super::response`] alone decides what the client sees of it.

use std::borrow::Cow;

use axum::http::StatusCode;

use crate::{
    auth::RetryAfter,
    graphql::RequestError,
    http::{access_log::Reason, admission::Denied},
};

/// Why a request has no result.
pub enum Failure {
    /// The client accepts neither media type of responses.
    NotAcceptable,
    /// The caller was not admitted.
    Denied(Denied),
    /// The request is malformed.
    BadRequest(BadRequest),
    /// The document or its variables were rejected before execution.
    Rejected(RequestError),
    /// The caller is in debt: its operations cost more than its limit permits.
    OperationLimit(RetryAfter),
    /// No permit was free.
    Busy(Reason),
    /// Preparing or executing the operation panicked. The log has the message.
    Panicked,
    /// It took too long. A mutation may still complete.
    TimedOut { is_mutation: bool },
}

/// A body or URL that is not a GraphQL request.
#[derive(Debug, PartialEq, Eq)]
pub struct BadRequest {
    pub status: StatusCode,
    /// The error message.
    pub message: Cow<'static, str>,
}

impl BadRequest {
    /// An error with status 400.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self::with_status(StatusCode::BAD_REQUEST, message)
    }

    pub fn with_status(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<BadRequest> for Failure {
    fn from(error: BadRequest) -> Self {
        Self::BadRequest(error)
    }
}

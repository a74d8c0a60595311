//! Renders the response to every request of the endpoint: status, headers, body and request record. The draft
//! specification still changes, so the mapping from outcome to status has one place.

use std::sync::LazyLock;

use async_graphql::ServerError;
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    accept::Media,
    encoding::Encoded,
    failure::{BadRequest, Failure},
};
use crate::{
    auth::{Rejection, RetryAfter},
    graphql::{self, RequestError, RequestErrorKind},
    http::{
        access_log::{PendingRecord, Reason, RequestRecord},
        admission::Denied,
    },
    promotions::StoreError,
    telemetry::LogThrottle,
};

/// The value of `Vary`: the media type is negotiated by `Accept`.
const BY_ACCEPT: HeaderValue = HeaderValue::from_static("accept");

/// Seconds after which to retry when the server is busy. The operations in progress are done by then.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");

/// Renders the response to one request. If it is dropped before that, the client has disconnected, which is recorded.
pub struct Responder {
    /// `None` if the client accepts neither media type.
    media: Option<Media>,
    pending: PendingRecord,
}

/// The body of a response without `data`: nothing was executed.
#[derive(Serialize)]
struct Errors<'a> {
    errors: &'a [ServerError],
}

impl Responder {
    /// The responder to a request with these headers. Negotiates the media type of its response.
    pub fn new(headers: &HeaderMap, record: RequestRecord) -> Self {
        Self { media: Media::negotiate(headers), pending: PendingRecord::new(record) }
    }

    /// The request's record, until the response is rendered.
    pub const fn record(&mut self) -> &mut RequestRecord {
        &mut self.pending.record
    }

    /// Fails if the client accepts neither media type of responses.
    pub fn check_acceptable(&self) -> Result<(), Failure> {
        self.media.map(|_| ()).ok_or(Failure::NotAcceptable)
    }

    /// The response to a request that was or was not executed.
    pub fn respond(&mut self, result: Result<Encoded, Failure>) -> Response {
        match result {
            Ok(encoded) => self.executed(encoded),
            Err(failure) => self.failed(failure),
        }
    }

    fn executed(&mut self, encoded: Encoded) -> Response {
        let Encoded { mut response, error, is_busy } = encoded;
        self.record().reason = is_busy.then_some(Reason::Overloaded);
        self.pending.attach_to(&mut response, error);
        if is_busy {
            // Load balancers see by the status that another server may do better.
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.headers_mut().insert(RETRY_AFTER, RETRY_SOON);
        }
        response.headers_mut().insert(CONTENT_TYPE, self.media().content_type());
        response.headers_mut().insert(VARY, BY_ACCEPT);
        response
    }

    /// The response to a request that has no result.
    pub fn failed(&mut self, failure: Failure) -> Response {
        match failure {
            Failure::NotAcceptable => {
                let message =
                    "Responses are application/graphql-response+json or application/json; accept one of them.";
                self.bad_request(BadRequest::with_status(StatusCode::NOT_ACCEPTABLE, message))
            }
            Failure::Denied(Denied::Credential(rejection)) => self.unauthenticated(rejection),
            Failure::Denied(Denied::OperationLimit { caller, wait }) => {
                self.record().set_caller(&caller);
                self.too_many_operations(wait)
            }
            Failure::BadRequest(error) => self.bad_request(error),
            Failure::Rejected(error) => self.rejected(&error),
            Failure::OperationLimit(wait) => self.too_many_operations(wait),
            Failure::Busy(reason) => self.unavailable(reason, graphql::overloaded()),
            Failure::TimedOut { is_mutation } => self.unavailable(Reason::TimedOut, graphql::timed_out(is_mutation)),
            Failure::Panicked => {
                let mut error = graphql::internal();
                if let Some(id) = &self.record().id {
                    graphql::name_request(&mut error, id);
                }
                self.failed_because(Reason::Panicked, StatusCode::INTERNAL_SERVER_ERROR, error)
            }
        }
    }

    /// The credential is missing or invalid, or can't be checked.
    fn unauthenticated(&mut self, rejection: Rejection) -> Response {
        let (challenge, reason) = match rejection {
            Rejection::Unavailable(cause) => {
                log_unchecked(&*cause);
                return self.unavailable(Reason::CredentialUnchecked, graphql::credential_unchecked());
            }
            Rejection::Store(error) => {
                let is_broken = matches!(error, StoreError::Failed(_));
                let status =
                    if is_broken { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::SERVICE_UNAVAILABLE };
                graphql::log_store_error(&error);
                return self.failed_because(Reason::KeyNotLookedUp, status, graphql::credential_lookup_failed(error));
            }
            Rejection::Missing => ("Bearer", Reason::NoCredential),
            Rejection::Invalid(reason) => ("Bearer error=\"invalid_token\"", Reason::Credential(reason)),
        };
        let response = self.failed_because(reason, StatusCode::UNAUTHORIZED, graphql::unauthenticated());
        with_header(response, WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    fn too_many_operations(&mut self, wait: RetryAfter) -> Response {
        let error = graphql::too_many_operations(wait);
        let response = self.failed_because(Reason::TooManyOperations, StatusCode::TOO_MANY_REQUESTS, error);
        with_header(response, RETRY_AFTER, wait.seconds().into())
    }

    fn bad_request(&mut self, BadRequest { status, message }: BadRequest) -> Response {
        let error = graphql::bad_request(&message);
        self.failed_because(Reason::BadRequest(message), status, error)
    }

    fn rejected(&mut self, error: &RequestError) -> Response {
        let response = self.render(status_of(error.kind, self.media()), &error.errors);
        if error.kind == RequestErrorKind::MutationByGet {
            with_header(response, ALLOW, HeaderValue::from_static("POST"))
        } else {
            response
        }
    }

    fn unavailable(&mut self, reason: Reason, error: ServerError) -> Response {
        self.failed_because(reason, StatusCode::SERVICE_UNAVAILABLE, error)
    }

    fn failed_because(&mut self, reason: Reason, status: StatusCode, error: ServerError) -> Response {
        self.record().reason = Some(reason);
        self.render(status, &[error])
    }

    fn render(&mut self, status: StatusCode, errors: &[ServerError]) -> Response {
        let mut response = match serde_json::to_vec(&Errors { errors }) {
            Ok(body) => {
                let headers = [(CONTENT_TYPE, self.media().content_type()), (VARY, BY_ACCEPT)];
                (status, headers, Body::from(body)).into_response()
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SOON);
        }
        self.pending.attach_to(&mut response, errors.first().and_then(graphql::code_of));
        response
    }

    /// The media type of the response.
    fn media(&self) -> Media {
        self.media.unwrap_or(Media::Json)
    }
}

/// The status of a request whose document was rejected.
const fn status_of(kind: RequestErrorKind, media: Media) -> StatusCode {
    match (kind, media) {
        // The method is wrong, whatever the media type.
        (RequestErrorKind::MutationByGet, _) => StatusCode::METHOD_NOT_ALLOWED,
        // By the older media type, every well-formed request gets 200.
        (_, Media::Json) => StatusCode::OK,
        (RequestErrorKind::Forbidden, Media::GraphqlResponse) => StatusCode::FORBIDDEN,
        (RequestErrorKind::Document, Media::GraphqlResponse) => StatusCode::BAD_REQUEST,
    }
}

fn with_header(mut response: Response, name: HeaderName, value: HeaderValue) -> Response {
    response.headers_mut().insert(name, value);
    response
}

/// Logs why a customer token can't be checked.
fn log_unchecked(cause: &(dyn std::error::Error + 'static)) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::error!(error = cause, left_out, "a credential could not be checked");
    }
}

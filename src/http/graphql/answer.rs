//! How a request is answered. The draft specification still moves: which status is whose stands in one place.

use async_graphql::{Response as Executed, ServerError, Value};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::{Body, Bytes, to_bytes},
    http::{
        HeaderValue, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, VARY},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::time::Instant;

use super::{execute::Failure, media::Media, request::Malformed};
use crate::{
    auth::RetryAfter,
    graphql::{self, RequestError, RequestErrorKind},
    http::access_log::{About, Reason},
};

/// What else the response depends on: the media type is negotiated.
const BY_ACCEPT: HeaderValue = HeaderValue::from_static("accept");

/// In how many seconds to try again when the server is busy: what it has taken is done by then.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");

/// Answers one request, or tells that its caller has gone before that.
pub struct Answerer {
    pub media: Media,
    /// What is known of it so far.
    pub about: About,
    since: Instant,
    /// Whether there is an answer, of this one's or of another's making.
    answered: bool,
}

/// Marks a response that is not compressed: that would keep a thread busy for too long.
#[derive(Debug, Clone, Copy)]
pub struct TooLargeToCompress;

/// The largest response that is compressed, in bytes. It takes some 1 ms.
const MAX_COMPRESSED: usize = 64 * 1024;

/// The encoded response to an operation that was executed.
pub struct Encoded {
    response: Response,
    /// The code of the first error.
    error: Option<String>,
    /// Whether nothing came of the operation because the server or its database is overloaded.
    is_busy: bool,
}

impl Encoded {
    /// Encodes a response, whose body is made of its bytes. Errors whose reason is in the log get the request's id.
    pub async fn new(mut executed: Executed, id: Option<&str>, body: impl FnOnce(Bytes) -> Body) -> Self {
        if let Some(id) = id {
            executed.errors.iter_mut().for_each(|error| graphql::name_request(error, id));
        }
        let error = executed.errors.first().and_then(graphql::code_of);
        let failed = !executed.errors.is_empty() && is_empty(&executed.data);
        let is_busy = failed && executed.errors.iter().all(graphql::is_overloaded);
        let (parts, whole) = GraphQLResponse::from(executed).into_response().into_parts();
        // It is there already, and in memory.
        let bytes = to_bytes(whole, usize::MAX).await.unwrap_or_default();
        let is_too_large = bytes.len() > MAX_COMPRESSED;
        let mut response = Response::from_parts(parts, body(bytes));
        if is_too_large {
            response.extensions_mut().insert(TooLargeToCompress);
        }
        Self { response, error, is_busy }
    }
}

/// A response without `data`: nothing was executed.
#[derive(Serialize)]
struct Errors<'a> {
    errors: &'a [ServerError],
}

/// The status of a request that was not executed.
fn status(kind: RequestErrorKind, media: Media) -> StatusCode {
    match (kind, media) {
        // The method is wrong for it, whoever asks.
        (RequestErrorKind::MutationByGet, _) => StatusCode::METHOD_NOT_ALLOWED,
        // By the older media type, the request arrived well and is answered well.
        (_, Media::Json) => StatusCode::OK,
        (RequestErrorKind::Forbidden, Media::GraphqlResponse) => StatusCode::FORBIDDEN,
        (RequestErrorKind::Document, Media::GraphqlResponse) => StatusCode::BAD_REQUEST,
    }
}

impl Answerer {
    /// Answers the request of which this is known.
    pub fn new(media: Media, about: About) -> Self {
        Self { media, about, since: Instant::now(), answered: false }
    }

    /// Answers with what came of an operation.
    pub fn executed(&mut self, encoded: Encoded) -> Response {
        self.answered = true;
        let Encoded { mut response, error, is_busy } = encoded;
        let reason = is_busy.then_some(Reason::Overloaded);
        response.extensions_mut().insert(About { error, reason, ..self.about.clone() });
        if is_busy {
            // Whoever stands between, such as a balancer, sees by the status that another server may do better.
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.headers_mut().insert(RETRY_AFTER, RETRY_SOON);
        }
        response.headers_mut().insert(CONTENT_TYPE, self.media.content_type());
        response.headers_mut().insert(VARY, BY_ACCEPT);
        response
    }

    /// Answers a request whose operation has no result.
    pub fn failed(&mut self, failure: Failure, changes: bool) -> Response {
        match failure {
            Failure::Busy(reason) => self.busy(reason),
            Failure::Panicked => self.broken(),
            Failure::TimedOut => self.timed_out(changes),
        }
    }

    /// Answers a caller whose operations cost more than is permitted.
    pub fn too_many_operations(&mut self, wait: RetryAfter) -> Response {
        self.about.reason = Some(Reason::TooManyOperations);
        let mut response = self.write(StatusCode::TOO_MANY_REQUESTS, &[graphql::too_many_operations(wait)]);
        response.headers_mut().insert(RETRY_AFTER, wait.seconds().into());
        response
    }

    /// Answers a request that was not executed.
    pub fn request_error(&mut self, error: &RequestError) -> Response {
        let mut response = self.write(status(error.kind, self.media), &error.errors);
        if error.kind == RequestErrorKind::MutationByGet {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }

    /// Answers a request that is none.
    pub fn malformed(&mut self, malformed: Malformed) -> Response {
        let error = graphql::bad_request(&malformed.reason);
        self.about.reason = Some(Reason::Malformed(malformed.reason));
        self.write(malformed.status, &[error])
    }

    /// Answers a request that there is no place for.
    pub fn busy(&mut self, reason: Reason) -> Response {
        self.about.reason = Some(reason);
        self.write(StatusCode::SERVICE_UNAVAILABLE, &[graphql::overloaded()])
    }

    /// Answers a request that took too long.
    fn timed_out(&mut self, changes: bool) -> Response {
        self.about.reason = Some(Reason::TimedOut);
        self.write(StatusCode::SERVICE_UNAVAILABLE, &[graphql::timed_out(changes)])
    }

    /// Answers a request whose execution panicked.
    fn broken(&mut self) -> Response {
        self.about.reason = Some(Reason::Panicked);
        let mut error = graphql::internal();
        if let Some(id) = &self.about.id {
            graphql::name_request(&mut error, id);
        }
        self.write(StatusCode::INTERNAL_SERVER_ERROR, &[error])
    }

    /// Leaves it to another to answer.
    pub fn leave(&mut self) {
        self.answered = true;
    }

    fn write(&mut self, status: StatusCode, errors: &[ServerError]) -> Response {
        self.answered = true;
        write(status, self.media, errors, self.about.clone())
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        if !self.answered && !std::thread::panicking() {
            self.about.tell_gone(self.since.elapsed());
        }
    }
}

/// Whether nothing came of an operation.
fn is_empty(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(|value| *value == Value::Null) && !fields.is_empty(),
        _ => false,
    }
}

/// Answers a caller who takes neither media type.
pub fn not_acceptable(about: About) -> Response {
    let reason = "Responses are application/graphql-response+json or application/json; accept one of them.";
    let about = About { reason: Some(Reason::Malformed(reason.into())), ..about };
    unseen(StatusCode::NOT_ACCEPTABLE, Media::Json, graphql::bad_request(reason), about)
}

/// Answers before the request was looked at.
pub fn unseen(status: StatusCode, media: Media, error: ServerError, about: About) -> Response {
    write(status, media, &[error], about)
}

fn write(status: StatusCode, media: Media, errors: &[ServerError], about: About) -> Response {
    let Ok(body) = serde_json::to_vec(&Errors { errors }) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [(CONTENT_TYPE, media.content_type()), (VARY, BY_ACCEPT)];
    let mut response = (status, headers, Body::from(body)).into_response();
    let error = errors.first().and_then(graphql::code_of);
    response.extensions_mut().insert(About { error, ..about });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, RETRY_SOON);
    }
    response
}

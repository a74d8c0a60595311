//! How a request is answered. The draft specification still moves: which status is whose stands in one place.

use async_graphql::{Response as Executed, ServerError, Value};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, VARY},
    },
    response::{IntoResponse, Response},
};
use metrics::counter;
use serde::Serialize;
use tokio::time::Instant;

use super::{media::Media, request::Malformed};
use crate::{
    graphql::{self, RequestError, RequestErrorKind},
    http::access_log::About,
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
    /// Answers the request with these headers.
    pub fn new(media: Media, headers: &HeaderMap) -> Self {
        Self { media, about: About::of(headers), since: Instant::now(), answered: false }
    }

    /// Answers with what came of an operation.
    pub fn executed(&mut self, mut response: Executed) -> Response {
        self.answered = true;
        if let Some(id) = &self.about.id {
            response.errors.iter_mut().for_each(|error| graphql::name_request(error, id));
        }
        let error = response.errors.first().and_then(graphql::code_of);
        let about = About { error, ..self.about.clone() };
        let failed = !response.errors.is_empty() && is_empty(&response.data);
        let busy = failed && response.errors.iter().all(graphql::is_overloaded);
        let mut response = GraphQLResponse::from(response).into_response();
        response.extensions_mut().insert(about);
        if busy {
            // Whoever stands between, such as a balancer, sees by the status that another server may do better.
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.headers_mut().insert(RETRY_AFTER, RETRY_SOON);
        }
        response.headers_mut().insert(CONTENT_TYPE, self.media.content_type());
        response.headers_mut().insert(VARY, BY_ACCEPT);
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
    pub fn malformed(&mut self, malformed: &Malformed) -> Response {
        self.write(malformed.status, &[graphql::bad_request(&malformed.reason)])
    }

    /// Answers a request that there is no place for.
    pub fn busy(&mut self) -> Response {
        counter!("promolink_refusals_total", "limit" => "concurrency").increment(1);
        self.write(StatusCode::SERVICE_UNAVAILABLE, &[graphql::overloaded()])
    }

    /// Answers a request that took too long.
    pub fn timed_out(&mut self, changes: bool) -> Response {
        self.write(StatusCode::SERVICE_UNAVAILABLE, &[graphql::timed_out(changes)])
    }

    /// Answers a request whose execution panicked.
    pub fn broken(&mut self) -> Response {
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
pub fn not_acceptable(headers: &HeaderMap) -> Response {
    let reason = "Responses are application/graphql-response+json or application/json; accept one of them.";
    unseen(StatusCode::NOT_ACCEPTABLE, Media::Json, graphql::bad_request(reason), About::of(headers))
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

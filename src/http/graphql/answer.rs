//! How a request is answered. The draft specification still moves: which status is whose stands in one place.

use async_graphql::{Response as Executed, ServerError};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{ALLOW, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{media::Media, request::Malformed};
use crate::graphql::{self, Refusal, Refused};

/// What else the response depends on: the media type is negotiated.
const BY_ACCEPT: HeaderValue = HeaderValue::from_static("accept");

/// Answers one request.
pub struct Answerer {
    pub media: Media,
    pub request_id: Option<String>,
}

/// A response without `data`: nothing was executed.
#[derive(Serialize)]
struct Errors<'a> {
    errors: &'a [ServerError],
}

/// The status of a request that was not executed.
fn status(refusal: Refusal, media: Media) -> StatusCode {
    match (refusal, media) {
        // The method is wrong for it, whoever asks.
        (Refusal::MutationByGet, _) => StatusCode::METHOD_NOT_ALLOWED,
        // By the older media type, the request arrived well and is answered well.
        (_, Media::Json) => StatusCode::OK,
        (Refusal::Forbidden, Media::GraphqlResponse) => StatusCode::FORBIDDEN,
        (Refusal::Document, Media::GraphqlResponse) => StatusCode::BAD_REQUEST,
    }
}

impl Answerer {
    /// Answers with what came of an operation.
    pub fn executed(&self, mut response: Executed) -> Response {
        if let Some(id) = &self.request_id {
            response.errors.iter_mut().for_each(|error| graphql::name_request(error, id));
        }
        let mut response = GraphQLResponse::from(response).into_response();
        response.headers_mut().insert(CONTENT_TYPE, self.media.content_type());
        response.headers_mut().insert(VARY, BY_ACCEPT);
        response
    }

    /// Answers a request that was not executed.
    pub fn refused(&self, refused: &Refused) -> Response {
        let mut response = write(status(refused.refusal, self.media), self.media, &refused.errors);
        if refused.refusal == Refusal::MutationByGet {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }

    /// Answers a request that is none.
    pub fn malformed(&self, malformed: &Malformed) -> Response {
        write(malformed.status, self.media, &[graphql::bad_request(malformed.reason)])
    }

    /// Answers a request that took too long.
    pub fn timed_out(&self, changes: bool) -> Response {
        write(StatusCode::SERVICE_UNAVAILABLE, self.media, &[graphql::timed_out(changes)])
    }

    /// Answers a request whose execution panicked.
    pub fn broken(&self) -> Response {
        let mut error = graphql::internal();
        if let Some(id) = &self.request_id {
            graphql::name_request(&mut error, id);
        }
        write(StatusCode::INTERNAL_SERVER_ERROR, self.media, &[error])
    }
}

/// Answers a caller who takes neither media type.
pub fn not_acceptable() -> Response {
    let reason = "Responses are application/graphql-response+json or application/json; accept one of them.";
    write(StatusCode::NOT_ACCEPTABLE, Media::Json, &[graphql::bad_request(reason)])
}

/// Answers before the request was looked at.
pub fn unseen(status: StatusCode, media: Media, error: ServerError) -> Response {
    write(status, media, &[error])
}

fn write(status: StatusCode, media: Media, errors: &[ServerError]) -> Response {
    match serde_json::to_vec(&Errors { errors }) {
        Ok(body) => {
            (status, [(CONTENT_TYPE, media.content_type()), (VARY, BY_ACCEPT)], Body::from(body)).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

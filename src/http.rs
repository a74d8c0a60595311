//! The wire: routes, the layers that every request passes through, and the pages.

mod graphiql;
mod graphql;

use std::time::Duration;

use axum::{
    Router,
    http::{HeaderName, Request, StatusCode},
    response::Redirect,
    routing::{get, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    limit::RequestBodyLimitLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};

use crate::{auth::Principal, graphql::Api};

/// The largest request body, in bytes: room for 500 links in one call, twice over.
const MAX_BODY: usize = 256 * 1024;

/// How long a request may take. A link that is under way by then still happens; its retry finds it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the routes share.
#[derive(Clone)]
struct Shared {
    api: Api,
    principal: Principal,
}

/// The routes of the server: every caller is this principal.
pub fn router(api: Api, principal: Principal) -> Router {
    // The layers stand in the order in which a response passes them: the request id is set before all else.
    Router::new()
        .route("/", get(async || Redirect::temporary("/graphiql")))
        .route("/graphiql", get(graphiql::page))
        .route("/graphql", post(graphql::execute))
        .with_state(Shared { api, principal })
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::new())
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

fn span<B>(request: &Request<B>) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    // At this level the span is there for errors whatever else is logged.
    tracing::error_span!("request", %id, method = %request.method(), path = request.uri().path())
}

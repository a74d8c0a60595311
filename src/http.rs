//! The HTTP server: connections, routes, and the layers that every request passes through.

mod access_log;
mod admission;
mod concurrency;
mod cors;
mod graphiql;
mod graphql;
mod host_check;
mod listener;
mod probes;

use std::{iter::once, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{
        Extensions, HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware,
    response::Redirect,
    routing::{any, get},
};
use tower::util::{MapRequestLayer, option_layer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::SetResponseHeaderLayer,
};

use self::graphql::TooLargeToCompress;
pub use self::{
    concurrency::ConcurrencyLimit,
    cors::{InvalidOrigin, Origin},
    graphql::UnsentResponses,
    host_check::AllowedHosts,
    listener::{bind, serve},
    probes::{DatabaseCheck, NotReady, Readiness, operator_routes},
};
use crate::{
    auth::{Authenticator, Limiter},
    graphql::Engine,
};

/// The longest time for a request after it was read.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest request id that is accepted from a client, in bytes. Trace ids and UUIDs are shorter.
const MAX_REQUEST_ID: usize = 128;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The state that all routes share.
#[derive(Clone)]
pub struct Shared {
    /// Executes documents.
    pub engine: Engine,
    /// Authenticates callers.
    pub authenticator: Arc<Authenticator>,
    /// Limits the rates of their operations and links.
    pub limiter: Arc<Limiter>,
    /// Limits concurrent operations.
    pub concurrency: ConcurrencyLimit,
    /// Limits concurrent heavy operations.
    pub heavy: ConcurrencyLimit,
    /// Limits the large bodies in memory.
    pub large_bodies: ConcurrencyLimit,
    /// Limits the responses in memory that clients have not read yet.
    pub unsent_responses: UnsentResponses,
}

/// An operator's settings.
#[derive(Debug, Default)]
pub struct HttpSettings {
    /// Whether to serve the GraphiQL page.
    pub graphiql: bool,
    /// The origins whose pages may call the API.
    pub origins: Vec<Origin>,
    /// The names by which clients may address the server. If only loopback names are allowed, callers may see `/metrics`,
    /// and pages that this machine serves may call the API.
    pub allowed_hosts: AllowedHosts,
}

/// The routes of the server.
pub fn router(shared: Shared, settings: HttpSettings, readiness: Arc<Readiness>) -> Router {
    let mut endpoint = get(graphql::get).post(graphql::post);
    if settings.graphiql {
        endpoint = endpoint.layer(middleware::from_fn(graphiql::redirect_browsers));
    }
    let mut routes = Router::new()
        .route(graphql::PATH, endpoint)
        // Responses are private to a caller, and not pages: nothing in them may be executed or framed.
        .layer((
            set_header(CACHE_CONTROL, "no-store"),
            set_header(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        ));
    routes = routes.route("/graphql/", any(redirect_without_slash)).fallback(not_found);
    if settings.graphiql {
        routes = routes.route("/graphiql/", any(redirect_without_slash)).merge(graphiql::routes());
    }
    let is_local = settings.allowed_hosts == AllowedHosts::Loopback;
    if is_local {
        routes = routes.layer(middleware::from_fn(host_check::loopback_only));
    }
    let shed_load = middleware::from_fn_with_state(shared.clone(), graphql::shed_load);
    let has_cors = is_local || !settings.origins.is_empty();
    let cors = has_cors.then(|| cors::layer(settings.origins, is_local));
    // In the order in which a request passes them: its id is set first. In one call, since the router boxes the layers of
    // each call and clones them for each request.
    let routes = routes.with_state(shared).layer((
        MapRequestLayer::new(drop_invalid_id),
        SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid),
        PropagateRequestIdLayer::new(REQUEST_ID),
        set_header(REFERRER_POLICY, "no-referrer"),
        set_header(X_CONTENT_TYPE_OPTIONS, "nosniff"),
        middleware::from_fn(access_log::record_requests),
        option_layer(cors),
        shed_load,
        SetSensitiveRequestHeadersLayer::new(once(AUTHORIZATION)),
        CatchPanicLayer::new(),
        compression(),
    ));
    // Probes are frequent and not logged, so they pass no layers except the check of the host.
    let probes = if is_local {
        operator_routes(readiness).layer(middleware::from_fn(host_check::loopback_only))
    } else {
        probes::public_routes(readiness)
    };
    probes.merge(routes)
}

/// Redirects from a path with a trailing slash to the one without, keeping the method and the query. The target is relative,
/// since a proxy may serve the API under another path.
async fn redirect_without_slash(uri: Uri) -> Redirect {
    let name = uri.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("../{name}{query}"))
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "Not found. The API is at /graphql.\n")
}

/// Removes a client's request id if it is empty or too long for the log. The server then makes one.
fn drop_invalid_id(mut request: Request<Body>) -> Request<Body> {
    if request.headers().get(REQUEST_ID).is_some_and(|id| id.is_empty() || id.len() > MAX_REQUEST_ID) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Compresses responses except large ones: while a thread compresses, it serves no other request.
fn compression() -> CompressionLayer<impl Predicate> {
    let is_small = |_, _, _: &HeaderMap, extensions: &Extensions| extensions.get::<TooLargeToCompress>().is_none();
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_small))
}

fn set_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

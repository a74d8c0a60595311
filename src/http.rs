//! The wire: routes, the layers that every request passes through, and the pages.

mod access_log;
mod concurrency;
mod connections;
mod credentials;
mod graphiql;
mod graphql;
mod host;
mod origin;
mod probes;
mod serve;
mod stream;

use std::{iter::once, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{
        Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware,
    response::Redirect,
    routing::{any, get},
};
use tower::util::{MapRequestLayer, option_layer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{CompressionLayer, DefaultPredicate, Predicate},
    cors::{AllowHeaders, AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    set_header::SetResponseHeaderLayer,
};

use self::graphql::TooLargeToCompress;
pub use self::{
    concurrency::Concurrency,
    graphql::Unsent,
    origin::Origin,
    probes::{DatabaseCheck, Readiness, operators},
    serve::{bind, serve},
};
use crate::{
    auth::{Authenticator, Limiter},
    graphql::Engine,
};

/// How long a request may take once it is read.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a browser may keep the answer to "may I?".
const PREFLIGHT_AGE: Duration = Duration::from_hours(1);

/// The longest request id that is taken from a caller, in bytes: trace ids and UUIDs fit well.
const MAX_REQUEST_ID: usize = 128;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the routes share.
#[derive(Clone)]
pub struct Shared {
    /// The schema over the service.
    pub engine: Engine,
    /// Who lets callers in.
    pub authenticator: Arc<Authenticator>,
    /// Who counts what they do.
    pub limiter: Arc<Limiter>,
    /// Limits how many of their operations are executed concurrently.
    pub concurrency: Concurrency,
    /// Limits the heavy ones among them.
    pub heavy: Concurrency,
    /// Limits the large bodies in memory.
    pub large_bodies: Concurrency,
    /// The responses that they have not read yet.
    pub unsent: Unsent,
}

/// What an operator may choose.
#[derive(Debug, Default)]
pub struct HttpSettings {
    /// Whether there is a GraphiQL page.
    pub graphiql: bool,
    /// The origins whose pages may call the API.
    pub origins: Vec<Origin>,
    /// Whether callers must know the server by a name of this machine's own. They may then see what operators see, and pages
    /// of this machine may call.
    pub local_names_only: bool,
}

/// The routes of the server.
pub fn router(shared: Shared, settings: HttpSettings, readiness: Arc<Readiness>) -> Router {
    let mut endpoint = get(graphql::get).post(graphql::post);
    if settings.graphiql {
        endpoint = endpoint.layer(middleware::from_fn(graphiql::open_in_browsers));
    }
    let mut routes = Router::new()
        .route(graphql::PATH, endpoint)
        // Answers are one caller's, and no page: nothing in them is to be run or framed.
        .layer((
            always(CACHE_CONTROL, "no-store"),
            always(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        ));
    routes = routes.route("/graphql/", any(without_slash)).fallback(nothing_here);
    if settings.graphiql {
        routes = routes.route("/graphiql/", any(without_slash)).merge(graphiql::routes());
    }
    if settings.local_names_only {
        routes = routes.layer(middleware::from_fn(origin::local_names_only));
    }
    let shed_load = middleware::from_fn_with_state(shared.clone(), graphql::shed_load);
    let with_cors = settings.local_names_only || !settings.origins.is_empty();
    let cors = with_cors.then(|| cors(settings.origins, settings.local_names_only));
    // In the order in which a request passes them: its id is set before all else. All in one, since routes box what each
    // call adds, and clone it for each request.
    let routes = routes.with_state(shared).layer((
        MapRequestLayer::new(with_sound_id),
        SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid),
        PropagateRequestIdLayer::new(REQUEST_ID),
        always(REFERRER_POLICY, "no-referrer"),
        always(X_CONTENT_TYPE_OPTIONS, "nosniff"),
        middleware::from_fn(access_log::observe),
        option_layer(cors),
        shed_load,
        SetSensitiveRequestHeadersLayer::new(once(AUTHORIZATION)),
        CatchPanicLayer::new(),
        compression(),
    ));
    // Probes come often and say nothing, so they pass no layers but that which keeps strangers' pages out.
    let probes = if settings.local_names_only {
        operators(readiness).layer(middleware::from_fn(origin::local_names_only))
    } else {
        probes::probes(readiness)
    };
    probes.merge(routes)
}

/// Leads from an address with a slash too many to the one without, with the method and the parameters. Relative, since a
/// proxy may have the server below another path.
async fn without_slash(uri: Uri) -> Redirect {
    let name = uri.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::permanent(&format!("../{name}{query}"))
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There is nothing at this address. The API is at /graphql.\n")
}

/// Takes no request id from a caller that says nothing or would fill the log.
fn with_sound_id(mut request: Request<Body>) -> Request<Body> {
    if request.headers().get(REQUEST_ID).is_some_and(|id| id.is_empty() || id.len() > MAX_REQUEST_ID) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// Compresses responses, but not large ones: a thread that compresses serves no other request meanwhile.
fn compression() -> CompressionLayer<impl Predicate> {
    let is_small = |_, _, _: &HeaderMap, extensions: &Extensions| extensions.get::<TooLargeToCompress>().is_none();
    CompressionLayer::new().compress_when(DefaultPredicate::new().and(is_small))
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// Lets pages of these origins call the API and, where the server is for this machine alone, pages of this machine.
/// Credentials are sent by their scripts, never by the browser itself.
fn cors(origins: Vec<Origin>, and_local_ones: bool) -> CorsLayer {
    let may_call = move |origin: &HeaderValue| {
        origins.iter().any(|permitted| permitted == origin) || and_local_ones && origin::is_local(origin)
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| may_call(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID, RETRY_AFTER])
        .max_age(PREFLIGHT_AGE)
}

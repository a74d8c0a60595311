//! Serves the GraphiQL page, which is part of the program: `build.rs` embeds its files, compressed.

use std::io::{self, Read};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request},
    http::{
        HeaderMap, Method, StatusCode,
        header::{
            ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            IF_NONE_MATCH, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use flate2::read::GzDecoder;

use super::Shared;

include!(concat!(env!("OUT_DIR"), "/graphiql.rs"));

/// A file of the page.
struct File {
    name: &'static str,
    content_type: &'static str,
    etag: &'static str,
    /// Whether its name contains a hash of its content, so that it never changes.
    immutable: bool,
    gzip: &'static [u8],
}

/// The page, its files, and a redirect from `/`.
pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(async || Redirect::temporary("graphiql")))
        .route("/graphiql", get(async |headers: HeaderMap| respond("index.html", &headers)))
        .route("/graphiql/{name}", get(async |Path(name): Path<String>, headers: HeaderMap| respond(&name, &headers)))
}

/// Middleware: redirects to the page from the API's URL if it is opened in a browser, which accepts HTML and sends no
/// operation.
pub async fn redirect_browsers(request: Request, next: Next) -> Response {
    let has_no_operation = request.method() == Method::GET && request.uri().query().is_none();
    if has_no_operation && accepts_html(request.headers()) {
        return ([(VARY, "accept")], Redirect::temporary("graphiql")).into_response();
    }
    next.run(request).await
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| accepts(item.trim(), "text/html"))
}

fn respond(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // One year, or a check for a newer version each time.
    let caching = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [
        (CACHE_CONTROL, caching),
        (CONTENT_SECURITY_POLICY, POLICY),
        (ETAG, file.etag),
        // In addition to what layers add.
        (VARY, "accept-encoding"),
    ];
    let lists = |name, matches: fn(&str, &str) -> bool, expected: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| matches(item.trim(), expected))
    };
    if lists(IF_NONE_MATCH, is_same, file.etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let content_type = [(CONTENT_TYPE, file.content_type)];
    if lists(ACCEPT_ENCODING, accepts, "gzip") {
        return (common, content_type, [(CONTENT_ENCODING, "gzip")], Bytes::from_static(file.gzip)).into_response();
    }
    match decompressed(file.gzip) {
        Ok(content) => (common, content_type, content).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether an entity tag of If-None-Match matches the file's. `*` matches any.
fn is_same(tag: &str, etag: &str) -> bool {
    tag == "*" || tag == etag
}

/// Whether an item of Accept or Accept-Encoding (RFC 9110, section 12.5) accepts a media type or an encoding.
fn accepts(item: &str, value: &str) -> bool {
    let mut parts = item.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(value));
    let is_zero = |weight: &str| weight.trim_start_matches(['q', 'Q', '=', ' ', '0', '.']).is_empty();
    named && !parts.any(is_zero)
}

fn decompressed(gzip: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut content)?;
    Ok(content)
}

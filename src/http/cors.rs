//! Cross-origin requests (CORS): the origins whose pages may call the API.

use std::{str::FromStr, time::Duration};

use axum::http::{HeaderValue, Method, header::RETRY_AFTER};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use url::Url;

use super::{REQUEST_ID, host_check::is_local_name};

/// How long a browser may cache the response to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// An origin (RFC 6454): scheme, host and port of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// Why a text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// It has a wildcard.
    #[error("wildcards are not supported; list each origin, such as https://shop.example")]
    Wildcard,
    /// It differs from what browsers send.
    #[error(
        "an origin must be written as browsers send it: scheme, host and port, without a path and without the default \
         port, such as https://shop.example"
    )]
    Malformed,
}

impl PartialEq<HeaderValue> for Origin {
    /// Compares with the header Origin.
    fn eq(&self, value: &HeaderValue) -> bool {
        self.0 == value
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let text = text.trim();
        if text.contains('*') {
            return Err(InvalidOrigin::Wildcard);
        }
        let url = Url::parse(text).map_err(|_| InvalidOrigin::Malformed)?;
        if !url.origin().is_tuple() || url.origin().ascii_serialization() != text {
            return Err(InvalidOrigin::Malformed);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| InvalidOrigin::Malformed)
    }
}

/// Lets pages of these origins call the API and, if `permit_local`, pages that this machine serves. Credentials come from
/// their scripts, never from the browser itself.
pub fn layer(origins: Vec<Origin>, permit_local: bool) -> CorsLayer {
    let may_call = move |origin: &HeaderValue| {
        origins.iter().any(|permitted| permitted == origin) || permit_local && is_local(origin)
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| may_call(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([REQUEST_ID, RETRY_AFTER])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Whether the header Origin names a page that this machine serves, which no other machine can. A page that was opened as a
/// file has the origin `null`, but a page from elsewhere can have that too.
fn is_local(origin: &HeaderValue) -> bool {
    let text = origin.to_str().unwrap_or_default();
    let url = text.parse::<Origin>().ok().and_then(|_| Url::parse(text).ok());
    url.is_some_and(|url| ["http", "https"].contains(&url.scheme()) && url.host_str().is_some_and(is_local_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for text in ["https://shop.example", "http://localhost:3000", "https://shop.example:8443"] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "*",
            "https://*.example",
            "null",
            "",
            "shop.example",
            "https://shop.example/",
            "https://shop.example:443",
            "https://a/b",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_pages_from_loopback_origins_are_local() {
        let is_local = |text: &str| is_local(&HeaderValue::from_str(text).unwrap());
        for text in [
            "http://localhost",
            "http://localhost:5173",
            "https://localhost:8443",
            "http://127.0.0.1:3000",
            "http://127.8.8.8",
            "http://[::1]:3000",
        ] {
            assert!(is_local(text), "{text}");
        }
        for text in [
            "null",
            "",
            "*",
            "localhost",
            "localhost:5173",
            "http://localhost.evil.example",
            "http://evil.example",
            "http://127.0.0.1.evil.example",
            "http://localhost@evil.example",
            "http://localhost:5173/",
            "http://evil.localhost",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::]",
            "http://2130706433",
            "http://127.1",
            "ftp://localhost",
            "file://localhost",
            "http://localhost http://evil.example",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(!is_local(text), "{text}");
        }
    }
}

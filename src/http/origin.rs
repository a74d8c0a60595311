//! Whose pages may call, and by what name.

use std::{net::IpAddr, str::FromStr};

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use reqwest::Url;

use super::access_log::{About, Reason};

/// An origin (RFC 6454): scheme, host and port of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl PartialEq<HeaderValue> for Origin {
    /// Whether the header Origin names it.
    fn eq(&self, value: &HeaderValue) -> bool {
        self.0 == value
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains('*') {
            return Err("wildcards are not supported; list each origin, such as https://shop.example".to_owned());
        }
        let malformed = || {
            "an origin is required as browsers send it: scheme, host and port, without a path and without the default \
             port, such as https://shop.example"
                .to_owned()
        };
        let url = Url::parse(text).map_err(|_| malformed())?;
        if !url.origin().is_tuple() || url.origin().ascii_serialization() != text {
            return Err(malformed());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| malformed())
    }
}

/// Whether the header Origin names a page that this machine serves itself: nobody else can have one there. A page that was
/// opened as a file has the origin `null`, as a page of a stranger's may have.
pub fn is_local(origin: &HeaderValue) -> bool {
    let text = origin.to_str().unwrap_or_default();
    let url = text.parse::<Origin>().ok().and_then(|_| Url::parse(text).ok());
    url.is_some_and(|url| ["http", "https"].contains(&url.scheme()) && url.host_str().is_some_and(is_local_name))
}

/// Whether a host is a name or an address of this machine for itself.
fn is_local_name(host: &str) -> bool {
    let name = host.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses who calls the server by a name that is not this machine's own: a stranger's page, whose name was made to
/// lead here after it was loaded (DNS rebinding), would be let in like a local one.
pub async fn local_names_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    if authority.is_some_and(|authority| is_local_name(authority.host())) {
        return next.run(request).await;
    }
    let advice = "this server is for this machine alone: call it localhost or 127.0.0.1\n";
    let mut response = (StatusCode::MISDIRECTED_REQUEST, advice).into_response();
    let reason = Some(Reason::Malformed("the header Host is no name of this machine".into()));
    response.extensions_mut().insert(About { reason, unserved: true, ..About::of(&request) });
    response
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
    fn pages_of_this_machine_are_told_from_others() {
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

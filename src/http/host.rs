//! The header Host (RFC 9112, section 3.2). A proxy before the server may choose by it who is called, so both must agree
//! on what it says.

use std::{net::Ipv6Addr, time::Duration};

use axum::{
    http::{HeaderMap, Request, StatusCode, Version, header::HOST, uri::Authority},
    response::{IntoResponse, Response},
};

use super::{
    access_log::{About, Reason, tell},
    graphql::{self, Media, unseen},
};
use crate::graphql::bad_request;

/// The response to a request whose Host is missing, repeated or invalid. `None` if it is fine.
pub fn refusal<B>(request: &Request<B>) -> Option<Response> {
    let headers = request.headers();
    if is_valid(headers, request.version()) {
        return None;
    }
    let reason = "A request must have exactly one header Host, with a host and maybe a port.";
    // Without the request's id, which has not been checked yet.
    let about =
        About { id: None, reason: Some(Reason::Malformed(reason.into())), unserved: true, ..About::of(request) };
    let response = if request.uri().path() == graphql::PATH {
        let media = Media::negotiate(headers).unwrap_or(Media::Json);
        unseen(StatusCode::BAD_REQUEST, media, bad_request(reason), about)
    } else {
        let mut response = (StatusCode::BAD_REQUEST, format!("{reason}\n")).into_response();
        response.extensions_mut().insert(about);
        response
    };
    tell(&response, &About::default(), Duration::ZERO);
    Some(response)
}

fn is_valid(headers: &HeaderMap, version: Version) -> bool {
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        // The header came with HTTP/1.1.
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    }
}

/// Whether a text is a host (RFC 3986, section 3.2.2), perhaps with a port.
fn is_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let host = authority.host();
    let is_sound = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty(),
    };
    // With a user before it, the text does not begin with the host.
    let port = text.strip_prefix(host).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    is_sound
        && port.is_some_and(|port| {
            port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_and_may_have_a_port() {
        for host in ["a", "promolink.example", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b:", "xn--p1ai.example:65535"]
        {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "", " ", ":80", "a b", "a,b c", "a:b", "a:80:80", "a:65536", "a:+1", "user@a", "a/b", "a?b", "a#b", "[::1",
            "::1", "[::1]x", "[x]", "http://a", "\u{e9}", "a:-1", "[]",
        ] {
            assert!(!is_host(host), "{host}");
        }
    }
}

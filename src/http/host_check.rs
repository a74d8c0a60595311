//! Checks the header Host (RFC 9112, section 3.2). A proxy in front of the server may choose a server by it, so both must
//! read it alike.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use axum::{
    extract,
    http::{HeaderMap, Request, StatusCode, Version, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    access_log::{Reason, RequestRecord, record_response},
    graphql::{self, BadRequest, Responder},
};

/// The names by which clients may address the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllowedHosts {
    /// Any name.
    #[default]
    Any,
    /// Loopback addresses and `localhost` only. Without credentials, this is what keeps other websites out.
    Loopback,
}

/// Rejects a request whose Host is missing, repeated or invalid, and records that. `None` if the header is valid.
pub fn reject_invalid_host<B>(request: &Request<B>) -> Option<Response> {
    let headers = request.headers();
    if has_valid_host(headers, request.version()) {
        return None;
    }
    let message = "A request must have exactly one header Host, with a host and optionally a port.";
    // Without the request's id, which has not been checked yet.
    let mut record = RequestRecord { id: None, rejected_early: true, ..RequestRecord::of(request) };
    let response = if request.uri().path() == graphql::PATH {
        Responder::new(headers, record).failed(BadRequest::new(message).into())
    } else {
        let mut response = (StatusCode::BAD_REQUEST, format!("{message}\n")).into_response();
        record.reason = Some(Reason::BadRequest(message.into()));
        response.extensions_mut().insert(record);
        response
    };
    record_response(&response, &RequestRecord::default(), Duration::ZERO);
    Some(response)
}

/// Middleware: rejects requests whose Host is not a loopback name. A page from elsewhere whose name was made to resolve to
/// this machine after it was loaded (DNS rebinding) would otherwise count as a local page.
pub async fn loopback_only(request: extract::Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    if authority.is_some_and(|authority| is_local_name(authority.host())) {
        return next.run(request).await;
    }
    let message = "this server accepts requests from this machine only: address it as localhost or 127.0.0.1\n";
    let mut response = (StatusCode::MISDIRECTED_REQUEST, message).into_response();
    let reason = Some(Reason::BadRequest("the header Host is not a name of this machine".into()));
    response.extensions_mut().insert(RequestRecord { reason, rejected_early: true, ..RequestRecord::of(&request) });
    response
}

/// Whether a host is a loopback address or `localhost`.
pub fn is_local_name(host: &str) -> bool {
    let name = host.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn has_valid_host(headers: &HeaderMap, version: Version) -> bool {
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        // HTTP/1.0 has no such header.
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    }
}

/// Whether a text is a host (RFC 3986, section 3.2.2), optionally with a port.
fn is_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let host = authority.host();
    let is_valid = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty(),
    };
    // `None` if a user name precedes the host.
    let port = text.strip_prefix(host).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    is_valid
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

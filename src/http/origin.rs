//! Whose pages may call, and by what name.

use std::{net::IpAddr, str::FromStr};

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use reqwest::Url;

/// An origin (RFC 6454): scheme, host and port of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    /// As the header Origin has it.
    #[must_use]
    pub fn into_value(self) -> HeaderValue {
        self.0
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

/// Refuses who calls the server by a name that is not this machine's own: a stranger's page, whose name was made to
/// lead here after it was loaded (DNS rebinding), would be let in like a local one.
pub async fn local_names_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let local = host.and_then(|host| host.parse::<Authority>().ok()).is_some_and(|authority| {
        let name = authority.host().trim_matches(['[', ']']);
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    if local {
        return next.run(request).await;
    }
    let advice = "this server is for this machine alone: call it localhost or 127.0.0.1\n";
    (StatusCode::MISDIRECTED_REQUEST, advice).into_response()
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
}

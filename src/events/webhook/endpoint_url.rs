//! The URLs of endpoints.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::{Host, ParseError, Url};

use super::address::AddressPolicy;

/// The longest URL, in characters after normalisation. Servers and proxies commonly accept this length.
const MAX_CHARS: usize = 2048;

/// The URL of an endpoint, normalised.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

/// Why a text is not the URL of an endpoint. The messages follow the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpointUrl {
    /// It has another scheme than HTTPS, or no scheme.
    #[error("must begin with https://, unless the server permits http:// (--webhook-allow-http)")]
    NotHttps,
    /// It has another scheme than HTTPS and HTTP, or no scheme.
    #[error("must begin with https:// or http://")]
    NotHttp,
    /// It is too long.
    #[error("must have at most {MAX_CHARS} characters, after percent-encoding")]
    TooLong,
    /// It has a control character.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// It is malformed elsewhere.
    #[error("must be a URL: {0}")]
    Malformed(ParseError),
    /// It has a user name or a password.
    #[error("must not contain a user name or a password")]
    Credentials,
    /// It has a fragment, which is never sent.
    #[error("must not contain a fragment (#)")]
    Fragment,
    /// Its host is an address that webhooks may not be sent to.
    #[error(
        "must have a host on the public internet, which {0} is not, unless the server permits it (--webhook-allow)"
    )]
    RefusedAddress(IpAddr),
    /// Its host is this machine.
    #[error(
        "must have a host on the public internet, which localhost is not, unless the server permits it (--webhook-allow)"
    )]
    Localhost,
}

impl EndpointUrl {
    /// Parses and normalises a URL. A name is resolved and checked when a webhook is sent, not here: what it resolves to can
    /// change at any time.
    pub fn parse(text: &str, policy: &AddressPolicy, http_permitted: bool) -> Result<Self, InvalidEndpointUrl> {
        let text = text.trim();
        // The parser would remove some of them.
        if text.chars().any(char::is_control) {
            return Err(InvalidEndpointUrl::ControlCharacter);
        }
        let wrong_scheme = if http_permitted { InvalidEndpointUrl::NotHttp } else { InvalidEndpointUrl::NotHttps };
        let url = match Url::parse(text) {
            Ok(url) if url.scheme() == "https" || url.scheme() == "http" && http_permitted => url,
            Ok(_) | Err(ParseError::RelativeUrlWithoutBase) => return Err(wrong_scheme),
            Err(error) => return Err(InvalidEndpointUrl::Malformed(error)),
        };
        if url.as_str().len() > MAX_CHARS {
            return Err(InvalidEndpointUrl::TooLong);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidEndpointUrl::Credentials);
        }
        if url.fragment().is_some() {
            return Err(InvalidEndpointUrl::Fragment);
        }
        // The parser accepts quotes and braces in a name, which HTTP clients reject.
        if matches!(url.host(), Some(Host::Domain(name)) if !is_name(name)) {
            return Err(InvalidEndpointUrl::Malformed(ParseError::InvalidDomainCharacter));
        }
        let url = Self(url);
        match url.address() {
            Some(address) if !policy.permits(address) => Err(InvalidEndpointUrl::RefusedAddress(address)),
            None if is_localhost(url.host()) && !permits_loopback(policy) => Err(InvalidEndpointUrl::Localhost),
            _ => Ok(url),
        }
    }

    /// The URL. Like a secret, its path and query may entitle to send messages to the receiver: do not log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host, without the port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The host if it is an address. The parser has normalised its decimal, octal and hexadecimal forms.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }
}

/// Shows the host alone.
impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/***", self.0.scheme(), self.host())
    }
}

/// Whether a name has the characters of host names and the underscore, which some have in practice.
fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Whether a name is reserved for this machine (RFC 6761, section 6.3). The parser has converted it to lower case.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

fn permits_loopback(policy: &AddressPolicy) -> bool {
    policy.permits(Ipv4Addr::LOCALHOST.into()) || policy.permits(Ipv6Addr::LOCALHOST.into())
}

#[cfg(test)]
mod tests;

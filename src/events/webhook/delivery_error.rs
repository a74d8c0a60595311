//! Why a webhook was not delivered.

use std::{error::Error, fmt, io, iter::successors, time::Duration};

use hyper_util::client;

use super::{address::RefusedAddress, connector::ConnectTimeout};

/// The longest description of a cause, in characters. A certificate that the receiver chose can be named in it.
const MAX_CAUSE_CHARS: usize = 200;

/// Why a webhook was not delivered. The messages are for those who operate the receiver, and contain nothing of the response
/// but its status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The host has no address that webhooks may be sent to.
    #[error(transparent)]
    RefusedAddress(#[from] RefusedAddress),
    /// The host can't be resolved or connected to.
    #[error("cannot reach {host}: {cause}")]
    Unreachable {
        /// The host.
        host: String,
        /// The cause.
        cause: String,
    },
    /// The connection ended without a valid response.
    #[error("no valid response from {host}: {cause}")]
    InvalidResponse {
        /// The host.
        host: String,
        /// The cause.
        cause: String,
    },
    /// No secure connection was established, usually because of the certificate.
    #[error("cannot establish TLS with {host}: {cause}")]
    Tls {
        /// The host.
        host: String,
        /// The cause.
        cause: String,
    },
    /// No connection was established within this time.
    #[error("no connection within {} s", .0.as_secs_f64())]
    ConnectTimeout(Duration),
    /// No response arrived within this time.
    #[error("timed out after {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The response was no success.
    #[error("status {status}")]
    Status {
        /// The status code.
        status: u16,
        /// The delay before the next attempt that the receiver requested.
        retry_after: Option<Duration>,
    },
}

impl DeliveryError {
    /// The kind of failure, as a label of metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RefusedAddress(_) => "refused_address",
            Self::Unreachable { .. } => "unreachable",
            Self::InvalidResponse { .. } => "invalid_response",
            Self::Tls { .. } => "tls",
            Self::ConnectTimeout(_) | Self::Timeout(_) => "timeout",
            Self::Status { .. } if self.is_gone() => "gone",
            Self::Status { .. } => "status",
        }
    }

    /// Whether the receiver wants no further webhooks: it responded with 410.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Status { status: 410, .. })
    }

    /// The delay before the next attempt that the receiver requested.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Describes an error of a request.
    pub(super) fn of_request(host: &str, error: &client::legacy::Error, connect_timeout: Duration) -> Self {
        if let Some(refused) = causes(error).find_map(|cause| cause.downcast_ref::<RefusedAddress>()) {
            return Self::RefusedAddress(refused.clone());
        }
        if causes(error).any(<dyn Error>::is::<ConnectTimeout>) {
            return Self::ConnectTimeout(connect_timeout);
        }
        let host = host.to_owned();
        if let Some(cause) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return Self::Tls { host, cause: shorten(cause) };
        }
        // Those above it say only that a request failed.
        let cause = causes(error).last().map(shorten).unwrap_or_default();
        if error.is_connect() { Self::Unreachable { host, cause } } else { Self::InvalidResponse { host, cause } }
    }

    /// Describes a request that HTTP does not permit.
    pub(super) fn invalid_request(host: &str, error: &(dyn Error + 'static)) -> Self {
        Self::Unreachable { host: host.to_owned(), cause: shorten(error) }
    }
}

/// An error and its causes, from the outside to the inside.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| {
        // The source of an I/O error is that of the error which it wraps.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn shorten(error: &(impl fmt::Display + ?Sized)) -> String {
    error.to_string().chars().take(MAX_CAUSE_CHARS).collect()
}

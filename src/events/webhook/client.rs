//! Sends messages to endpoints. Neither the receiver nor the organisation that chose it is trusted.

use std::{sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::time::timeout;

use super::{
    address::{AddressPolicy, RefusedAddress},
    connector::Connector,
    delivery_error::DeliveryError,
    endpoint_url::EndpointUrl,
    signature::SignedMessage,
};
use crate::promotions::Clock;

/// The time limits of an attempt.
#[derive(Clone, Copy)]
struct Timeouts {
    /// For resolving the name, connecting and the TLS handshake.
    connect: Duration,
    /// For everything up to the headers of the response.
    total: Duration,
}

/// The specification recommends 15 to 30 seconds. Fewer keep a slow receiver from occupying a worker for long.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(5), total: Duration::from_secs(15) };

/// How long an unused connection is kept. Common servers and load balancers close it after 60 seconds or more.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The number of unused connections that are kept for a host.
const MAX_IDLE_PER_HOST: usize = 2;

/// The longest delay that a receiver can request. So even one that always requests it is disabled before old events that its
/// endpoint waits for are removed.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(12);

/// Sends messages over HTTP/1.1, to permitted addresses only and directly, without a proxy: a proxy would resolve the name
/// itself. Redirects are not followed, and bodies of responses are not read.
pub struct WebhookClient {
    client: Client<Connector, Full<Bytes>>,
    policy: Arc<AddressPolicy>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
}

/// The HTTP client can't start, usually because the system has no certificates.
#[derive(Debug, thiserror::Error)]
#[error("cannot create an HTTP client for webhooks: {0}")]
pub struct WebhookClientError(#[from] rustls::Error);

impl WebhookClient {
    /// Sends to the addresses that the policy permits.
    pub fn new(policy: AddressPolicy, clock: Arc<dyn Clock>) -> Result<Self, WebhookClientError> {
        Self::with_timeouts(policy, clock, TIMEOUTS)
    }

    fn with_timeouts(
        policy: AddressPolicy,
        clock: Arc<dyn Clock>,
        timeouts: Timeouts,
    ) -> Result<Self, WebhookClientError> {
        let policy = Arc::new(policy);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .build(Connector::new(Arc::clone(&policy), timeouts.connect)?);
        Ok(Self { client, policy, clock, timeouts })
    }

    /// Sends a message once. It is delivered if the status is 2xx.
    pub async fn post(&self, url: &EndpointUrl, message: SignedMessage) -> Result<(), DeliveryError> {
        // The client connects to an address in a URL without asking the resolver.
        if let Some(address) = url.address().filter(|address| !self.policy.permits(*address)) {
            return Err(RefusedAddress::Literal(address).into());
        }
        let request = Request::post(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("Promolink/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signature)
            .body(Full::new(message.body))
            .map_err(|error| DeliveryError::invalid_request(url.host(), &error))?;
        let response = timeout(self.timeouts.total, self.client.request(request))
            .await
            .map_err(|_| DeliveryError::Timeout(self.timeouts.total))?
            .map_err(|error| DeliveryError::of_request(url.host(), &error, self.timeouts.connect))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(DeliveryError::Status { status: response.status().as_u16(), retry_after: self.retry_after(&response) })
    }

    /// The delay of the header Retry-After: a number of seconds, or a date (RFC 9110, section 10.2.3).
    fn retry_after(&self, response: &Response<Incoming>) -> Option<Duration> {
        let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
        let delay = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            Duration::from_secs(value.parse().unwrap_or(u64::MAX))
        } else {
            let seconds = OffsetDateTime::parse(value, &Rfc2822).ok()?.unix_timestamp();
            let millis = seconds.saturating_mul(1000).saturating_sub(self.clock.now().millis());
            Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        };
        Some(delay.min(MAX_RETRY_AFTER))
    }
}

#[cfg(test)]
mod tests;

//! Sends messages to endpoints. Neither the receiver nor the organisation that chose it is trusted.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    redirect,
};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use super::{
    address::{AddressPolicy, RefusedAddress},
    delivery_error::{DeliveryError, causes},
    endpoint_url::EndpointUrl,
    resolver::PermittedResolver,
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

/// The longest delay that a receiver can request.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Sends messages over HTTP/1.1, to permitted addresses only. Bodies of responses are not read.
pub struct WebhookClient {
    client: Client,
    policy: Arc<AddressPolicy>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
}

/// The HTTP client can't start, usually because the system has no certificates.
#[derive(Debug, thiserror::Error)]
#[error("cannot create an HTTP client for webhooks: {}", causes(.0).map(ToString::to_string).collect::<Vec<_>>().join(": "))]
pub struct WebhookClientError(reqwest::Error);

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
        let client = Client::builder()
            .dns_resolver(PermittedResolver { policy: Arc::clone(&policy) })
            // A proxy would resolve the name itself.
            .no_proxy()
            // It could lead to an address that is not permitted, or to plain HTTP.
            .redirect(redirect::Policy::none())
            // The limits on the headers of responses are those of HTTP/1: about 400 KB, and 100 headers.
            .http1_only()
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .user_agent(concat!("Promolink/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(WebhookClientError)?;
        Ok(Self { client, policy, clock, timeouts })
    }

    /// Sends a message once. It is delivered if the status is 2xx.
    pub async fn post(&self, url: &EndpointUrl, message: SignedMessage) -> Result<(), DeliveryError> {
        // The client connects to an address in a URL without asking the resolver.
        if let Some(address) = url.address().filter(|address| !self.policy.permits(*address)) {
            return Err(RefusedAddress::Literal(address).into());
        }
        let request = self
            .client
            .post(url.url().clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signature)
            .body(message.body);
        let response = request.send().await.map_err(|error| self.failure(url, &error))?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(DeliveryError::Status { status: response.status().as_u16(), retry_after: self.retry_after(&response) })
    }

    fn failure(&self, url: &EndpointUrl, error: &reqwest::Error) -> DeliveryError {
        match (error.is_timeout(), error.is_connect()) {
            (true, true) => DeliveryError::ConnectTimeout(self.timeouts.connect),
            (true, false) => DeliveryError::Timeout(self.timeouts.total),
            (false, _) => DeliveryError::of_request(url.host(), error),
        }
    }

    /// The delay of the header Retry-After: a number of seconds, or a date (RFC 9110, section 10.2.3).
    fn retry_after(&self, response: &Response) -> Option<Duration> {
        let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
        let delay = if let Ok(seconds) = value.parse() {
            Duration::from_secs(seconds)
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

//! One attempt to deliver a message: signs it, sends it, and says why that failed.

use std::{iter, sync::Arc, time::Duration};

use metrics::counter;
use tokio::sync::OnceCell;

use super::{
    client::WebhookClient, endpoint::Endpoint, endpoint_url::EndpointUrl, message::Message, service::WebhookSettings,
    signature::SignedMessage,
};
use crate::promotions::Clock;

/// Why an attempt failed.
pub struct Failure {
    /// The label of a metric.
    pub kind: &'static str,
    /// Why, for operators.
    pub error: String,
    /// The delay that the receiver requests.
    pub retry_after: Option<Duration>,
    /// Whether no further attempt can succeed.
    pub is_final: bool,
    /// Whether nothing was sent, because of the settings of this server.
    pub is_own: bool,
}

/// The failure of a message that can't be sent with the settings of this server.
fn invalid(error: String) -> Failure {
    Failure { kind: "invalid", error, retry_after: None, is_final: false, is_own: true }
}

/// Makes attempts.
pub struct Attempts {
    settings: Arc<WebhookSettings>,
    clock: Arc<dyn Clock>,
    /// Made when it is first used: it needs the certificates of the system, which not every server has.
    client: OnceCell<WebhookClient>,
}

impl Attempts {
    /// Attempts under these settings.
    pub fn new(settings: Arc<WebhookSettings>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock, client: OnceCell::new() }
    }

    async fn client(&self) -> Result<&WebhookClient, Failure> {
        let make = async || WebhookClient::new(self.settings.addresses.clone(), Arc::clone(&self.clock));
        self.client.get_or_try_init(make).await.map_err(|error| invalid(error.to_string()))
    }

    /// Signs and sends a message, once.
    pub async fn send(&self, endpoint: &Endpoint, message: Result<Message, serde_json::Error>) -> Result<(), Failure> {
        let result = self.attempt(endpoint, message).await;
        let outcome = result.as_ref().map_or_else(|failure| failure.kind, |()| "delivered");
        counter!("promolink_webhook_deliveries_total", "outcome" => outcome).increment(1);
        result
    }

    async fn attempt(&self, endpoint: &Endpoint, message: Result<Message, serde_json::Error>) -> Result<(), Failure> {
        let WebhookSettings { addresses, http_permitted, cipher } = &*self.settings;
        let message = message.map_err(|error| invalid(format!("the event can't be sent: {error}")))?;
        // The settings may have changed since the endpoint was created.
        let url = EndpointUrl::parse(&endpoint.url, addresses, *http_permitted);
        let url = url.map_err(|error| invalid(format!("the URL {error}")))?;
        let now = self.clock.now();
        let context = Endpoint::sealing_context(endpoint.org, endpoint.id);
        let secret = cipher.open(&context, &endpoint.secret).map_err(|error| invalid(error.to_string()))?;
        // If the key of the previous secret has been removed, receivers have had the new one for a while.
        let previous = endpoint.previous_secret(now).and_then(|sealed| cipher.open(&context, sealed).ok());
        let secrets: Vec<_> = iter::once(&secret).chain(&previous).collect();
        let signed = SignedMessage::sign(&message.id, now, message.body, &secrets);
        self.client().await?.post(&url, signed).await.map_err(|error| Failure {
            kind: error.kind(),
            error: error.to_string(),
            retry_after: error.retry_after(),
            is_final: error.is_gone(),
            is_own: false,
        })
    }
}

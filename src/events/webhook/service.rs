//! The use cases of endpoints: what operators do with them.

use std::sync::Arc;

use super::{
    address::AddressPolicy,
    endpoint::{Endpoint, EndpointId},
    endpoint_url::{EndpointUrl, InvalidEndpointUrl},
    repository::{EndpointChange, WebhookRepository},
    secret::WebhookSecret,
    secret_cipher::SecretCipher,
};
use crate::promotions::{Attribution, Clock, EventType, OrgId, StoreError, Timestamp};

/// The most endpoints of an organisation.
pub const MAX_ENDPOINTS: usize = 20;

/// The most events in a message.
pub const MAX_BATCH_SIZE: u32 = 500;

/// Where webhooks may be sent, and how their secrets are stored.
pub struct WebhookSettings {
    /// The permitted addresses.
    pub addresses: AddressPolicy,
    /// Whether URLs may begin with `http://`.
    pub http_permitted: bool,
    /// Encrypts secrets.
    pub cipher: SecretCipher,
}

/// Why an endpoint can't be created or changed. The messages follow the field's name.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEndpoint {
    /// The URL.
    #[error(transparent)]
    Url(#[from] InvalidEndpointUrl),
    /// The size of batches.
    #[error("must be 1 to {MAX_BATCH_SIZE}")]
    BatchSize,
    /// The organisation has too many endpoints.
    #[error("can't be added: the organisation already has {MAX_ENDPOINTS} endpoints, the maximum")]
    TooMany,
}

/// The changes of an endpoint. `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct EndpointUpdate {
    /// The new URL.
    pub url: Option<String>,
    /// The types of events to send from now on. Empty: all.
    pub event_types: Option<Vec<EventType>>,
    /// The most events in one message.
    pub batch_size: Option<u32>,
    /// Enables or disables the endpoint.
    pub enabled: Option<bool>,
}

/// The webhook endpoints of all organisations.
pub struct WebhookService {
    repository: Arc<dyn WebhookRepository>,
    settings: Arc<WebhookSettings>,
    clock: Arc<dyn Clock>,
}

impl WebhookService {
    /// The endpoints in a store.
    #[must_use]
    pub fn new(repository: Arc<dyn WebhookRepository>, settings: Arc<WebhookSettings>, clock: Arc<dyn Clock>) -> Self {
        Self { repository, settings, clock }
    }

    /// The endpoints of an organisation, oldest first.
    pub async fn endpoints(&self, org: OrgId) -> Result<Vec<Endpoint>, StoreError> {
        self.repository.endpoints(org).await
    }

    /// Creates an endpoint. Returns it with its secret, which is not shown again.
    pub async fn create(
        &self,
        org: OrgId,
        url: &str,
        event_types: Vec<EventType>,
        batch_size: u32,
        by: &Attribution,
    ) -> Result<Result<(Endpoint, WebhookSecret), InvalidEndpoint>, StoreError> {
        let now = self.clock.now();
        let url = match self.check(Some(url), Some(batch_size)) {
            Ok(url) => url.unwrap_or_default(),
            Err(invalid) => return Ok(Err(invalid)),
        };
        let id = EndpointId::new(now);
        let (secret, sealed) = self.new_secret(org, id)?;
        let endpoint = Endpoint {
            org,
            id,
            url,
            event_types: sorted(event_types),
            batch_size,
            enabled: true,
            secret: sealed,
            previous_secret: None,
            delivered_position: 0,
            failed_attempts: 0,
            next_attempt_on: Timestamp::from_millis(0),
            last_error: None,
            test_requested: false,
            lease: None,
        };
        let created = self.repository.create_endpoint(endpoint, MAX_ENDPOINTS, by).await?;
        Ok(created.map(|endpoint| (endpoint, secret)).ok_or(InvalidEndpoint::TooMany))
    }

    /// Changes an endpoint. `None` if there is no such endpoint.
    pub async fn update(
        &self,
        org: OrgId,
        id: EndpointId,
        update: EndpointUpdate,
        by: &Attribution,
    ) -> Result<Option<Result<Endpoint, InvalidEndpoint>>, StoreError> {
        let EndpointUpdate { url, event_types, batch_size, enabled } = update;
        let url = match self.check(url.as_deref(), batch_size) {
            Ok(url) => url,
            Err(invalid) => return Ok(Some(Err(invalid))),
        };
        let changed = self.change(org, id, by, move |endpoint| {
            if let Some(url) = url {
                endpoint.set_url(url);
            }
            if let Some(event_types) = event_types {
                endpoint.event_types = sorted(event_types);
            }
            endpoint.batch_size = batch_size.unwrap_or(endpoint.batch_size);
            if let Some(enabled) = enabled {
                endpoint.set_enabled(enabled);
            }
        });
        Ok(changed.await?.map(Ok))
    }

    /// Replaces the secret of an endpoint. `None` if there is no such endpoint.
    pub async fn rotate_secret(
        &self,
        org: OrgId,
        id: EndpointId,
        by: &Attribution,
    ) -> Result<Option<(Endpoint, WebhookSecret)>, StoreError> {
        let (secret, sealed) = self.new_secret(org, id)?;
        let now = self.clock.now();
        let changed = self.change(org, id, by, move |endpoint| endpoint.rotate(sealed, now)).await?;
        Ok(changed.map(|endpoint| (endpoint, secret)))
    }

    /// Deletes an endpoint. `None` if there is no such endpoint.
    pub async fn delete(&self, org: OrgId, id: EndpointId, by: &Attribution) -> Result<Option<Endpoint>, StoreError> {
        self.repository.delete_endpoint(org, id, by, self.clock.now()).await
    }

    /// Has a test message sent, once. `None` if there is no such endpoint.
    pub async fn request_test(&self, org: OrgId, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        let change: EndpointChange = Box::new(|endpoint| {
            endpoint.test_requested = true;
            None
        });
        self.repository.change_endpoint(org, id, change).await
    }

    /// Delivers again what comes after a position. `None` if there is no such endpoint.
    pub async fn replay(
        &self,
        org: OrgId,
        id: EndpointId,
        after: i64,
        by: &Attribution,
    ) -> Result<Option<Endpoint>, StoreError> {
        self.change(org, id, by, move |endpoint| endpoint.replay(after)).await
    }

    async fn change(
        &self,
        org: OrgId,
        id: EndpointId,
        by: &Attribution,
        change: impl FnOnce(&mut Endpoint) + Send + 'static,
    ) -> Result<Option<Endpoint>, StoreError> {
        let (by, now) = (by.clone(), self.clock.now());
        let change: EndpointChange = Box::new(move |endpoint| {
            let old = endpoint.clone();
            change(endpoint);
            endpoint.updated_event(&old, &by, now)
        });
        self.repository.change_endpoint(org, id, change).await
    }

    fn check(&self, url: Option<&str>, batch_size: Option<u32>) -> Result<Option<String>, InvalidEndpoint> {
        if batch_size.is_some_and(|size| !(1..=MAX_BATCH_SIZE).contains(&size)) {
            return Err(InvalidEndpoint::BatchSize);
        }
        let WebhookSettings { addresses, http_permitted, .. } = &*self.settings;
        let url = url.map(|url| EndpointUrl::parse(url, addresses, *http_permitted)).transpose()?;
        Ok(url.map(|url| url.as_str().to_owned()))
    }

    fn new_secret(&self, org: OrgId, id: EndpointId) -> Result<(WebhookSecret, Vec<u8>), StoreError> {
        let secret = WebhookSecret::generate().map_err(|error| StoreError::Failed(Arc::new(error)))?;
        let sealed = self.settings.cipher.seal(&Endpoint::sealing_context(org, id), &secret);
        let sealed = sealed.map_err(|error| StoreError::Failed(Arc::new(error)))?;
        Ok((secret, sealed))
    }
}

fn sorted(mut types: Vec<EventType>) -> Vec<EventType> {
    types.sort_unstable();
    types.dedup();
    types
}

//! What happens after a change: webhooks, and the removal of old events.
//!
//! Owns how events leave the program, where webhooks may be sent, and how they are signed and delivered. Does not depend on the
//! databases: the store keeps events, endpoints and their secrets.

mod event_json;
mod retention;
mod webhook;

pub use self::{
    event_json::EventJson,
    retention::remove_old_events,
    webhook::{
        AddressPolicy, Backlog, DeliveryError, Endpoint, EndpointChange, EndpointId, EndpointUpdate, EndpointUrl,
        InvalidEncryptionKey, InvalidEndpoint, InvalidEndpointUrl, LeaseId, RefusedAddress, SealFailed, SecretCipher,
        SignedMessage, UnreadableSecret, WebhookClient, WebhookClientError, WebhookRepository, WebhookSecret,
        WebhookSender, WebhookService, WebhookSettings, retry_delay,
    },
};

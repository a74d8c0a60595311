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
        AddressPolicy, Backlog, Endpoint, EndpointChange, EndpointId, EndpointStates, EndpointUpdate,
        InvalidEncryptionKey, InvalidEndpoint, MAX_ENDPOINTS, SecretCipher, WebhookRepository, WebhookSecret,
        WebhookSender, WebhookService, WebhookSettings,
    },
};

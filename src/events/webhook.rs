//! Outgoing webhooks, as Standard Webhooks 1.0 specifies them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

mod address;
mod attempt;
mod backlog_metrics;
mod client;
mod connector;
mod delivery;
mod delivery_error;
mod endpoint;
mod endpoint_events;
mod endpoint_store;
mod endpoint_url;
mod message;
mod repository;
mod retry_schedule;
mod secret;
mod secret_cipher;
mod sender;
mod service;
mod signature;

pub use address::AddressPolicy;
pub use endpoint::{Endpoint, EndpointId};
pub use repository::{Backlog, EndpointChange, EndpointStates, WebhookRepository};
pub use secret::WebhookSecret;
pub use secret_cipher::{InvalidEncryptionKey, SecretCipher};
pub use sender::WebhookSender;
pub use service::{EndpointUpdate, InvalidEndpoint, MAX_ENDPOINTS, WebhookService, WebhookSettings};

//! API keys: the credentials of applications. The store keeps them; the verifier checks them.

mod events;
mod hash;
mod key;
mod presented;
mod repository;

pub use hash::KeyHash;
pub use key::ApiKey;
pub use presented::{ApiKeyId, PresentedKey};
pub use repository::ApiKeyRepository;

//! Who is calling, for which organisation, and what they may do.
//!
//! It owns credentials: API keys, which the store keeps, and customer tokens, which someone else signs. It knows nothing
//! of HTTP or GraphQL; those layers ask it who a caller is, and hold to the answer.

mod api_key;
mod api_key_verifier;
mod authenticator;
mod limits;
mod principal;
mod secret;
mod tokens;

pub use api_key::{ApiKey, ApiKeyId, ApiKeyRepository, KeyHash, KeyRole, ShownKey};
pub use api_key_verifier::ApiKeyVerifier;
pub use authenticator::Authenticator;
pub use limits::{Limit, LimitSetting, Limiter, Limits, NoRoom, Reservation, Wait};
pub use principal::{Credential, Principal, Role};
pub use secret::Secret;
pub use tokens::{CustomerTokens, KeySource, TokenSettings, UnusableKeys};

use crate::promotions::{Cause, StoreError};

/// Why a caller was not let in.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The caller showed no credential.
    #[error("there is no credential")]
    Missing,
    /// The credential is not valid. The reason is for the log: the caller learns no more than that.
    #[error("{0}")]
    Invalid(&'static str),
    /// The credential can't be checked at the moment. Trying again is safe.
    #[error("the credential can't be checked: {0}")]
    Unavailable(#[source] Cause),
    /// The credential could not be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

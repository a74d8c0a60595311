//! Authentication: the organisation and role of a caller, and the caller's limits.
//!
//! Owns credentials: API keys, which the store keeps, and customer tokens, which the operator's identity provider signs. Does
//! not depend on HTTP or GraphQL; those layers authenticate callers here and enforce the result.

mod api_key;
mod api_key_verifier;
mod authenticator;
mod limits;
mod principal;
mod rejection;
mod role;
mod secret;
mod tokens;

pub use api_key::{ApiKey, ApiKeyId, ApiKeyRepository, KeyHash, PresentedKey};
pub use api_key_verifier::ApiKeyVerifier;
pub use authenticator::Authenticator;
pub use limits::{
    InvalidLimitSetting, Limit, LimitSetting, Limiter, Limits, Reservation, ReserveError, RetryAfter, SharedBudgets,
    Spent, remove_full_budgets,
};
pub use principal::{Credential, Principal};
pub use rejection::Rejection;
pub use role::{KeyRole, Role};
pub use secret::Secret;
pub use tokens::{CustomerTokens, KeySource, TokenKeyError, TokenOrganisation, TokenSettings};

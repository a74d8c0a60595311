//! Authenticates callers by their credential.

use std::sync::Arc;

use super::{
    api_key::PresentedKey,
    api_key_verifier::ApiKeyVerifier,
    principal::{Credential, Principal},
    rejection::Rejection,
    role::Role,
    tokens::CustomerTokens,
};

/// Authenticates callers.
pub enum Authenticator {
    /// Accepts every caller as this principal, for `promolink dev`.
    AllowAll(Principal),
    /// Accepts callers with a valid credential.
    Credentials {
        /// The API keys of all organisations.
        api_keys: Arc<ApiKeyVerifier>,
        /// Customer tokens, if they are configured.
        customer_tokens: Option<CustomerTokens>,
    },
}

impl Authenticator {
    /// Returns the caller with this credential. [`Authenticator::AllowAll`] ignores it, even if it is malformed.
    pub async fn authenticate(&self, credential: Result<Option<&str>, Rejection>) -> Result<Principal, Rejection> {
        let (api_keys, customer_tokens) = match self {
            Self::AllowAll(principal) => return Ok(*principal),
            Self::Credentials { api_keys, customer_tokens } => (api_keys, customer_tokens),
        };
        let credential = credential?.ok_or(Rejection::Missing)?;
        if PresentedKey::has_prefix(credential) {
            return api_keys.verify(credential).await;
        }
        let Some(tokens) = customer_tokens else {
            return Err(Rejection::Invalid("the credential is not an API key, and customer tokens are not configured"));
        };
        let (org, customer) = tokens.verify(credential).await?;
        Ok(Principal { org, role: Role::Customer, credential: Credential::Customer(customer) })
    }
}

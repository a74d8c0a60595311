//! From a credential to the caller.

use std::sync::Arc;

use super::{ApiKeyVerifier, Credential, CustomerTokens, Principal, Rejection, Role, ShownKey};

/// Lets callers in.
pub enum Authenticator {
    /// Everyone, as this principal: for a server to try.
    Everyone(Principal),
    /// Who shows a credential that is valid.
    Credentials {
        /// The organisations' API keys.
        api_keys: Arc<ApiKeyVerifier>,
        /// The tokens of their customers, if any are believed.
        customer_tokens: Option<CustomerTokens>,
    },
}

impl Authenticator {
    /// Who shows this credential. What was shown in place of one matters to nobody where everyone is let in.
    pub async fn authenticate(&self, shown: Result<Option<&str>, Rejection>) -> Result<Principal, Rejection> {
        let (api_keys, customer_tokens) = match self {
            Self::Everyone(principal) => return Ok(*principal),
            Self::Credentials { api_keys, customer_tokens } => (api_keys, customer_tokens),
        };
        let credential = shown?.ok_or(Rejection::Missing)?;
        if ShownKey::is_meant(credential) {
            return api_keys.verify(credential).await;
        }
        let tokens = customer_tokens.as_ref().ok_or(Rejection::Invalid("it is no API key, and no tokens are taken"))?;
        let (org, customer) = tokens.verify(credential).await?;
        Ok(Principal { org, role: Role::Customer, credential: Credential::Customer(customer) })
    }
}

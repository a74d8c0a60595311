//! Customer tokens: JSON Web Tokens (RFC 7519) of shoppers' sessions, signed by the operator's identity provider.
//!
//! Owns the rules by which a token is valid. Only configured keys are trusted: keys and URLs of keys in a token (`jwk`, `jku`,
//! `x5c`, `x5u`) are ignored.

mod claims;
mod error;
mod key_cache;
mod key_set;
mod key_source;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

pub use self::{claims::TokenOrganisation, error::TokenKeyError};
use self::{
    claims::{Expected, read},
    key_cache::KeyCache,
    key_set::{Key, algorithm_named},
    key_source::Remote,
};
use super::{rejection::Rejection, secret::Secret};
use crate::promotions::{CustomerId, OrgId};

/// The longest token. Real ones have one or two KiB, and proxies reject longer headers.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// HMAC with SHA-256 requires a key of at least the hash's length (RFC 7518, section 3.2). A shorter one can be found by brute
/// force from a single token.
const MIN_SECRET_BYTES: usize = 32;

/// Which tokens are accepted, and how they are verified.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// The required claim `iss`.
    pub issuer: String,
    /// The required claim `aud`, or one of its values.
    pub audience: String,
    /// The keys that verify signatures.
    pub keys: KeySource,
    /// The claim with the customer's number.
    pub customer_claim: String,
    /// The organisation.
    pub organisation: TokenOrganisation,
}

/// The source of the keys that verify signatures.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// Secrets shared with the issuer: HS256. More than one, so that the issuer can change to another.
    Secrets(Vec<Secret>),
    /// A file with a JSON Web Key Set (RFC 7517): RS256, ES256 and EdDSA.
    File(PathBuf),
    /// A JSON Web Key Set at a URL.
    Url(String),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secrets(_) => f.write_str("the shared secret"),
            Self::File(path) => write!(f, "the key set {}", path.display()),
            // A rejected URL may contain a password.
            Self::Url(_) => f.write_str("the key set at a URL"),
        }
    }
}

/// Verifies customer tokens.
pub struct CustomerTokens {
    keys: Keys,
    expected: Expected,
}

enum Keys {
    Secrets(Vec<Arc<Key>>),
    Set(Arc<KeyCache>),
}

/// A token's header. Not the library's type, which rejects names of algorithms that it does not know.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl CustomerTokens {
    /// Reads the keys. A file must exist and be valid. A URL may fail at first: tokens can't be verified until it responds.
    pub async fn start(settings: TokenSettings) -> Result<Self, TokenKeyError> {
        let keys = match settings.keys {
            KeySource::Secrets(secrets) => {
                let keys = secrets.iter().map(|secret| secret_key(secret).map(Arc::new));
                Keys::Secrets(keys.collect::<Result<_, _>>()?)
            }
            KeySource::File(path) => Keys::Set(KeyCache::of_file(path).await?),
            KeySource::Url(url) => Keys::Set(KeyCache::of_url(Remote::new(&url)?).await),
        };
        let TokenSettings { issuer, audience, customer_claim, organisation, .. } = settings;
        Ok(Self { keys, expected: Expected { issuer, audience, customer_claim, organisation } })
    }

    /// Verifies a token. Returns its organisation and customer.
    pub async fn verify(&self, token: &str) -> Result<(OrgId, CustomerId), Rejection> {
        const MALFORMED: Rejection = Rejection::Invalid("the token is malformed");
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::Invalid("the token is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = message.rsplit_once('.').ok_or(MALFORMED)?;
        let unknown = || Rejection::Invalid("the token's header is malformed or has an unknown algorithm");
        let header: Header = read(header).ok_or_else(unknown)?;
        let algorithm = algorithm_named(&header.alg).ok_or_else(unknown)?;
        // Critical extensions must be supported (RFC 7515, section 4.1.11), and none is.
        if header.crit.is_some() {
            return Err(Rejection::Invalid("the token requires an extension (crit), and none is supported"));
        }
        let found;
        let keys = match &self.keys {
            Keys::Secrets(keys) => keys,
            Keys::Set(keys) => {
                found = [keys.find(header.kid.as_deref(), algorithm).await?];
                &found[..]
            }
        };
        if keys.iter().any(|key| key.algorithm != algorithm) {
            return Err(Rejection::Invalid("the token's algorithm is not that of the key"));
        }
        for key in keys {
            match crypto::verify(signature, message.as_bytes(), &key.decoding, key.algorithm) {
                Ok(true) => return self.expected.check(payload),
                Ok(false) => {}
                Err(_) => return Err(MALFORMED),
            }
        }
        Err(Rejection::Invalid("the token's signature is invalid"))
    }
}

fn secret_key(secret: &Secret) -> Result<Key, TokenKeyError> {
    let bytes = secret.expose().as_bytes();
    if bytes.len() < MIN_SECRET_BYTES {
        return Err(TokenKeyError::ShortSecret { min_bytes: MIN_SECRET_BYTES });
    }
    Ok(Key { kid: None, algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(bytes) })
}

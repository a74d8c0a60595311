//! Customer tokens: JSON Web Tokens (RFC 7519) of a shopper's own session, signed by whom the operator trusts.
//!
//! It owns what a token must be to be believed. Which keys sign is the settings' word and never the token's: whatever
//! key or address of a key a token brings along is not looked at.

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

pub use self::error::UnusableKeys;
use self::{
    claims::{Expected, read},
    key_cache::KeyCache,
    key_set::{Key, algorithm_named},
    key_source::Remote,
};
use super::{Rejection, Secret};
use crate::promotions::{CustomerId, OrgId};

/// The longest token that is read. Real ones have one or two KiB, and proxies cut off longer headers.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// HMAC with SHA-256 wants a key of at least the hash's length (RFC 7518, section 3.2). Who sees one token can try
/// shorter ones at leisure.
const MIN_SECRET_BYTES: usize = 32;

/// Whose tokens are believed, and how they are checked.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// What the claim `iss` must be.
    pub issuer: String,
    /// What the claim `aud` must be, or name among others.
    pub audience: String,
    /// The keys that sign.
    pub keys: KeySource,
}

/// Where the keys come from that tokens are signed with.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A secret shared with the issuer: HS256.
    Secret(Secret),
    /// A file with a JSON Web Key Set (RFC 7517): RS256, ES256 and EdDSA.
    File(PathBuf),
    /// The same, at a URL.
    Url(String),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("the shared secret"),
            Self::File(path) => write!(f, "the key set {}", path.display()),
            // One that is refused may have a password in it.
            Self::Url(_) => f.write_str("the key set at a URL"),
        }
    }
}

/// Checks customer tokens.
pub struct CustomerTokens {
    keys: Keys,
    expected: Expected,
}

enum Keys {
    Secret(Arc<Key>),
    Set(Arc<KeyCache>),
}

/// What a token says of its signature. The library reads headers too, but rejects the algorithms that it does not know by
/// name.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl CustomerTokens {
    /// Gets ready to check tokens. A file must be there and whole; a URL may fail for now, and tokens can't be checked
    /// until it answers.
    pub async fn start(settings: TokenSettings) -> Result<Self, UnusableKeys> {
        let keys = match settings.keys {
            KeySource::Secret(secret) => Keys::Secret(Arc::new(secret_key(&secret)?)),
            KeySource::File(path) => Keys::Set(KeyCache::of_file(path).await?),
            KeySource::Url(url) => Keys::Set(KeyCache::of_url(Remote::new(&url)?).await),
        };
        Ok(Self { keys, expected: Expected { issuer: settings.issuer, audience: settings.audience } })
    }

    /// Whose token this is.
    pub async fn verify(&self, token: &str) -> Result<(OrgId, CustomerId), Rejection> {
        const MALFORMED: Rejection = Rejection::Invalid("the token is malformed");
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::Invalid("the token is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = message.rsplit_once('.').ok_or(MALFORMED)?;
        let unknown = || Rejection::Invalid("the token's header is malformed, or its algorithm unknown");
        let header: Header = read(header).ok_or_else(unknown)?;
        let algorithm = algorithm_named(&header.alg).ok_or_else(unknown)?;
        // What is critical must be understood (RFC 7515, section 4.1.11), and no extension is.
        if header.crit.is_some() {
            return Err(Rejection::Invalid("the token names a critical extension"));
        }
        let key = match &self.keys {
            Keys::Secret(key) => Arc::clone(key),
            Keys::Set(keys) => keys.find(header.kid.as_deref(), algorithm).await?,
        };
        if key.algorithm != algorithm {
            return Err(Rejection::Invalid("the token's algorithm is not the key's"));
        }
        match crypto::verify(signature, message.as_bytes(), &key.decoding, key.algorithm) {
            Ok(true) => self.expected.check(payload),
            Ok(false) => Err(Rejection::Invalid("the token's signature is wrong")),
            Err(_) => Err(MALFORMED),
        }
    }
}

fn secret_key(secret: &Secret) -> Result<Key, UnusableKeys> {
    let bytes = secret.expose().as_bytes();
    if bytes.len() < MIN_SECRET_BYTES {
        return Err(UnusableKeys::ShortSecret);
    }
    Ok(Key { kid: None, algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(bytes) })
}

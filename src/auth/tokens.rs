//! Customer tokens: JSON Web Tokens (RFC 7519) of a shopper's own session, signed by whom the operator trusts.
//!
//! It owns what a token must be to be believed. Which keys sign is the settings' word and never the token's: whatever
//! key or address of a key a token brings along is not looked at.

mod error;
mod key_cache;
mod key_set;
mod key_source;

#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde::Deserialize;
use serde_json::Value;

pub use self::error::UnusableKeys;
use self::{key_cache::KeyCache, key_set::Key, key_source::Remote};
use super::{Rejection, Secret};
use crate::promotions::{CustomerId, OrgId};

/// The longest token that is read. Real ones have one or two KiB, and proxies cut off longer headers.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the issuer's clock and ours may be apart, in seconds. Servers that keep their time are well within it, and a
/// token that is believed half a minute too long does little harm.
const LEEWAY_SECONDS: u64 = 30;

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
    /// What tokens must be, but for the algorithm, which is the key's. The time is the system's: the library asks for it
    /// by itself.
    validation: Validation,
}

enum Keys {
    Secret(Arc<Key>),
    Set(Arc<KeyCache>),
}

/// The claims that are ours to judge. They are taken as they come, for a reason that tells more than "malformed".
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: Value,
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    org_id: Value,
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
        let mut validation = Validation { leeway: LEEWAY_SECONDS, validate_nbf: true, ..Validation::default() };
        validation.set_issuer(&[settings.issuer]);
        validation.set_audience(&[settings.audience]);
        // To check a claim is not to require it: without this, a token that leaves it out would pass.
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Ok(Self { keys, validation })
    }

    /// Whose token this is.
    pub async fn verify(&self, token: &str) -> Result<(OrgId, CustomerId), Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::Invalid("the token is too long"));
        }
        let header = decode_header(token).map_err(|error| match error.kind() {
            ErrorKind::Json(_) => Rejection::Invalid("the token's header is malformed, or its algorithm unknown"),
            _ => Rejection::Invalid("the token is malformed"),
        })?;
        // What is critical must be understood (RFC 7515, section 4.1.11), and no extension is. The library lets it pass.
        if header.crit.is_some() {
            return Err(Rejection::Invalid("the token names a critical extension"));
        }
        let key = match &self.keys {
            Keys::Secret(key) => Arc::clone(key),
            Keys::Set(keys) => keys.find(header.kid.as_deref(), header.alg).await?,
        };
        let validation = Validation { algorithms: vec![key.algorithm], ..self.validation.clone() };
        let claims = decode::<Claims>(token, &key.decoding, &validation).map_err(|error| rejection(&error))?.claims;
        // The library would take a list of issuers too, if ours is in it. There is one issuer (RFC 7519, section 4.1.1).
        if !claims.iss.is_string() {
            return Err(Rejection::Invalid("the token is another issuer's"));
        }
        Ok((organisation(&claims.org_id)?, customer(&claims.sub)?))
    }
}

fn secret_key(secret: &Secret) -> Result<Key, UnusableKeys> {
    let bytes = secret.expose().as_bytes();
    if bytes.len() < MIN_SECRET_BYTES {
        return Err(UnusableKeys::ShortSecret);
    }
    Ok(Key { kid: None, algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(bytes) })
}

fn organisation(claim: &Value) -> Result<OrgId, Rejection> {
    let number = match claim {
        Value::Null => return Err(Rejection::Invalid("the token has no claim org_id")),
        Value::Number(number) => number.as_i64(),
        // Some issuers can send nothing but strings.
        Value::String(text) => canonical(text),
        _ => None,
    };
    number
        .and_then(|number| number.try_into().ok())
        .ok_or(Rejection::Invalid("the token's claim org_id is no organisation's id"))
}

/// A subject is a string (RFC 7519, section 4.1.2), a number is none.
fn customer(claim: &Value) -> Result<CustomerId, Rejection> {
    let number = match claim {
        Value::Null => return Err(Rejection::Invalid("the token has no claim sub")),
        Value::String(text) => canonical(text),
        _ => None,
    };
    number
        .and_then(|number| number.try_into().ok())
        .ok_or(Rejection::Invalid("the token's claim sub is no customer's id"))
}

/// The number that a text is the decimal form of. The parser also accepts a sign and leading zeros, but then one customer
/// would have several subjects, which an issuer may have given to different people.
fn canonical(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// What the library found, in words for the log. Its own may quote the token.
fn rejection(error: &Error) -> Rejection {
    Rejection::Invalid(match error.kind() {
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::InvalidAlgorithm => "the token's algorithm is not the key's",
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token is another issuer's",
        ErrorKind::InvalidAudience => "the token is for another audience",
        ErrorKind::InvalidClaimFormat(_) => "the token's claim nbf is malformed",
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "exp" => "the token's claim exp is missing or malformed",
            "iss" => "the token's claim iss is missing or malformed",
            _ => "the token's claim aud is missing or malformed",
        },
        _ => "the token is malformed",
    })
}

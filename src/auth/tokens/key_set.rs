//! JSON Web Key Sets (RFC 7517), and the keys in them that may verify tokens.

use std::sync::Arc;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::error::TokenKeyError;
use crate::auth::rejection::Rejection;

/// The maximum number of keys in a set. Issuers publish two or three.
const MAX_KEYS: usize = 100;

/// The accepted bits of an RSA key. Fewer are too weak (RFC 7518, section 3.3); the library does not support more.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The length of a coordinate of a P-256 point in base64url: 32 bytes (RFC 7518, section 6.2.1.2). The library concatenates
/// both, so a longer and a shorter one would make a point of the right length that verifies nothing.
const COORDINATE_CHARS: usize = 43;

/// The algorithm with this name, or `None` if there is no such algorithm. EdDSA with the curve Ed25519 has two names: RFC 9864
/// replaces `EdDSA`, which the library knows, by `Ed25519`.
pub fn algorithm_named(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDSA) } else { name.parse().ok() }
}

/// A key and its only algorithm. A token must not choose the algorithm: with HS256, anyone could sign with the public key as the
/// secret.
pub struct Key {
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

/// The usable keys of a set, and the document that they were read from.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
    document: Vec<u8>,
}

/// Keys are parsed one by one, so that an unknown kind of key does not invalidate the others (RFC 7517, section 5).
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Parses a set. Skips keys that can't be used, and logs them.
    pub fn parse(document: Vec<u8>) -> Result<Self, TokenKeyError> {
        let Document { keys: values } = serde_json::from_slice(&document)
            .map_err(|error| TokenKeyError::NotAKeySet { line: error.line(), column: error.column() })?;
        if values.len() > MAX_KEYS {
            return Err(TokenKeyError::TooManyKeys { max_keys: MAX_KEYS });
        }
        let mut keys = Vec::with_capacity(values.len());
        for value in &values {
            match parse_key(value) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(reason) => {
                    let kid = value.get("kid").and_then(Value::as_str);
                    tracing::warn!(kid, %reason, "skipped a key of the key set");
                }
            }
        }
        if keys.is_empty() { Err(TokenKeyError::NoUsableKey) } else { Ok(Self { keys, document }) }
    }

    /// Whether the set was read from this document.
    pub fn is_of(&self, document: &[u8]) -> bool {
        self.document == document
    }

    /// Finds the key with this `kid`, or without one the only key of the algorithm. `None` if the set has no such key.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<Key>>, Rejection> {
        let mut matching =
            self.keys.iter().filter(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.as_deref() == kid));
        match (matching.next(), matching.next()) {
            (Some(_), Some(_)) => Err(Rejection::Invalid("more than one key matches the token")),
            (None, _) if kid.is_some() && self.keys.iter().any(|key| key.kid.as_deref() == kid) => {
                Err(Rejection::Invalid("the token's algorithm is not that of the key"))
            }
            (key, _) => Ok(key.cloned()),
        }
    }
}

/// Why a key of a set is skipped.
#[derive(Debug, thiserror::Error)]
enum SkippedKey {
    #[error("it is malformed")]
    Malformed,
    #[error("it is a secret, which a key set must not publish")]
    Secret,
    #[error("its type is not supported")]
    Type,
    #[error("its algorithm is not supported")]
    Algorithm,
    #[error("it is not for verifying signatures")]
    Use,
    #[error("it is too short or too long")]
    Length,
}

fn parse_key(value: &Value) -> Result<Key, SkippedKey> {
    let jwk = Jwk::deserialize(value).map_err(|_| SkippedKey::Malformed)?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::OctetKey(_) => return Err(SkippedKey::Secret),
        _ => return Err(SkippedKey::Type),
    };
    let named = value.get("alg").and_then(Value::as_str);
    if named.is_some_and(|name| algorithm_named(name) != Some(algorithm)) {
        return Err(SkippedKey::Algorithm);
    }
    let to_verify = jwk.common.key_operations.as_ref().is_none_or(|known| known.contains(&KeyOperations::Verify));
    if !to_verify || !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return Err(SkippedKey::Use);
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| SkippedKey::Malformed)?;
    let (decoding, fits) = match (decoding.kind(), &jwk.algorithm) {
        // Some issuers include the sign byte of their big integers, which RFC 7518 forbids (section 6.3.1.1). With it, the
        // library would verify nothing.
        (DecodingKeyKind::RsaModulusExponent { n, e }, _) => {
            let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
            (DecodingKey::from_rsa_raw_components(n, e), RSA_BITS.contains(&bits(n)) && !e.is_empty())
        }
        (_, AlgorithmParameters::EllipticCurve(point)) => {
            let fits = [&point.x, &point.y].iter().all(|coordinate| coordinate.len() == COORDINATE_CHARS);
            (decoding, fits)
        }
        (DecodingKeyKind::SecretOrDer(point), _) => {
            let fits = point.len() == 32;
            (decoding, fits)
        }
    };
    if !fits {
        return Err(SkippedKey::Length);
    }
    Ok(Key { kid: jwk.common.key_id, algorithm, decoding })
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    &number[first..]
}

/// The number of bits of a big-endian number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

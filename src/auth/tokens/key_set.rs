//! The public keys that tokens are signed with: a JSON Web Key Set (RFC 7517), and which of its keys may be used.

use std::sync::Arc;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::error::UnusableKeys;
use crate::auth::Rejection;

/// The most keys that a set may have. Issuers publish two or three.
pub const MAX_KEYS: usize = 100;

/// The bits of an RSA key: fewer are too weak (RFC 7518, section 3.3), and more are not verified by the library.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The length of a coordinate of a P-256 point in base64url: 32 bytes (RFC 7518, section 6.2.1.2). The library joins the
/// two, so a longer and a shorter one would make a point of the right length that verifies nothing.
const COORDINATE_CHARS: usize = 43;

/// The algorithm with a name, or `None` if there is no such algorithm. EdDSA with the curve Ed25519 has two names: RFC 9864
/// replaces the first one, which the library knows, by the second one.
pub fn algorithm_named(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDSA) } else { name.parse().ok() }
}

/// A key, and the one algorithm that it is for. That is never a token's choice: who could choose HS256 would sign with
/// the public key, as if it were a secret.
pub struct Key {
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub decoding: DecodingKey,
}

/// The keys of a set that may be used, and the document that they were read from.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
    document: Vec<u8>,
}

/// Keys are read one by one, so that one that nobody understands does not spoil the others (RFC 7517, section 5).
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys that can't be used are named in the log.
    pub fn parse(document: Vec<u8>) -> Result<Self, UnusableKeys> {
        let Document { keys: values } = serde_json::from_slice(&document)
            .map_err(|error| UnusableKeys::NoKeySet { line: error.line(), column: error.column() })?;
        if values.len() > MAX_KEYS {
            return Err(UnusableKeys::TooManyKeys);
        }
        let mut keys = Vec::with_capacity(values.len());
        for value in &values {
            match usable(value) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(reason) => {
                    let kid = value.get("kid").and_then(Value::as_str);
                    tracing::warn!(kid, reason, "a key of the key set is not used");
                }
            }
        }
        if keys.is_empty() { Err(UnusableKeys::NothingUsable) } else { Ok(Self { keys, document }) }
    }

    /// Whether the set was read from this document.
    pub fn is_of(&self, document: &[u8]) -> bool {
        self.document == document
    }

    /// The key that a token says it was signed with. A token that names none means the only key of its algorithm.
    /// `None`: the set has no such key.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Option<Arc<Key>>, Rejection> {
        let mut fitting =
            self.keys.iter().filter(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.as_deref() == kid));
        match (fitting.next(), fitting.next()) {
            (Some(_), Some(_)) => Err(Rejection::Invalid("the token could be signed with any of several keys")),
            (None, _) if kid.is_some() && self.keys.iter().any(|key| key.kid.as_deref() == kid) => {
                Err(Rejection::Invalid("the token's algorithm is not the key's"))
            }
            (key, _) => Ok(key.cloned()),
        }
    }
}

/// The key, or why it can't be used.
fn usable(value: &Value) -> Result<Key, &'static str> {
    let jwk = Jwk::deserialize(value).map_err(|_| "it is malformed")?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(point) if point.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::OctetKey(_) => return Err("it is a secret, which a key set must not show"),
        _ => return Err("its type is not supported"),
    };
    let named = value.get("alg").and_then(Value::as_str);
    if named.is_some_and(|name| algorithm_named(name) != Some(algorithm)) {
        return Err("its algorithm is not supported");
    }
    let to_verify = jwk.common.key_operations.as_ref().is_none_or(|known| known.contains(&KeyOperations::Verify));
    if !to_verify || !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return Err("it is not for signatures");
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| "it is malformed")?;
    let (decoding, fits) = match (decoding.kind(), &jwk.algorithm) {
        // Some issuers write the sign byte of their big integers along, which RFC 7518 forbids (section 6.3.1.1). The
        // library verifies nothing with it.
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
        return Err("it is too short or too long");
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

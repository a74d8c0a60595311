//! An issuer of customer tokens, which it signs with a shared secret or with keys of a key set.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

const SECRET: &str = "a secret that this issuer shares with the server";

/// Environment variables that make a server trust this issuer.
pub const VARIABLES: [(&str, &str); 3] = [
    ("PROMOLINK_JWT_ISSUER", "https://accounts.example"),
    ("PROMOLINK_JWT_AUDIENCE", "promolink"),
    ("PROMOLINK_JWT_SECRET", SECRET),
];

/// The claims of a customer token.
pub fn claims(org: i64, customer: i64) -> Value {
    json!({
        "iss": "https://accounts.example",
        "aud": "promolink",
        "exp": in_seconds(600),
        "org_id": org,
        "sub": customer.to_string(),
    })
}

/// A customer token, signed with the shared secret.
pub fn token(org: i64, customer: i64) -> String {
    sign(&claims(org, customer))
}

/// Signs these claims with the shared secret.
pub fn sign(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}

/// An Ed25519 key that signs tokens and can be published in a key set.
pub struct SigningKey {
    id: &'static str,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    pub fn new(id: &'static str) -> Self {
        Self { id, pair: Ed25519KeyPair::generate().unwrap() }
    }

    /// A customer token, signed with this key.
    pub fn token(&self, org: i64, customer: i64) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(Algorithm::EdDSA) };
        let key = EncodingKey::from_ed_der(self.pair.to_pkcs8().unwrap().as_ref());
        jsonwebtoken::encode(&header, &claims(org, customer), &key).unwrap()
    }
}

/// A JSON Web Key Set of these keys.
pub fn key_set(keys: &[&SigningKey]) -> String {
    let public = |key: &&SigningKey| {
        let x = URL_SAFE_NO_PAD.encode(key.pair.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.id, "x": x })
    };
    json!({ "keys": keys.iter().map(public).collect::<Vec<_>>() }).to_string()
}

/// The time in `seconds` from now, in seconds since the epoch, as in tokens.
#[expect(clippy::disallowed_methods, reason = "the server also compares tokens with the system clock")]
pub fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

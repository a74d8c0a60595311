//! Tokens, genuine and forged. The test issuer does not use the library under test, so that it can sign what no issuer would.

mod accepted;
mod key_sources;
mod rejected;

use std::{io::Write, sync::LazyLock};

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{CustomerTokens, KeySource, TokenKeyError, TokenOrganisation, TokenSettings};
use crate::auth::rejection::Rejection;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "promolink";

/// A signing key, of the issuer or a forger.
enum Signer {
    Secret(Vec<u8>),
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Unsigned,
}

static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())));
static EC: LazyLock<Signer> = LazyLock::new(Signer::ec);
static ED: LazyLock<Signer> = LazyLock::new(|| Signer::Ed(Ed25519KeyPair::generate().unwrap()));

impl Signer {
    fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Secret(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Unsigned => Vec::new(),
        }
    }

    /// The public key, as in a key set.
    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(pair) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public_key().into();
                json!({ "kid": kid, "kty": "RSA", "use": "sig", "alg": "RS256", "n": encode(n), "e": encode(e) })
            }
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kid": kid, "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            Self::Ed(pair) => {
                json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()) })
            }
            Self::Secret(_) | Self::Unsigned => panic!("there is no public key"),
        }
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with these parts.
fn token(header: &Value, claims: &Value, signer: &Signer) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = encode(signer.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// The claims of a valid token.
fn claims() -> Value {
    let exp = get_current_timestamp() + 300;
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "10025", "org_id": 100_458, "exp": exp })
}

/// The claims of a valid token with one replaced. `Null` leaves it out.
fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    if value.is_null() {
        map.remove(name)
    } else {
        map.insert(name.to_owned(), value)
    };
    claims
}

async fn start(keys: KeySource) -> Result<CustomerTokens, TokenKeyError> {
    CustomerTokens::start(settings(keys)).await
}

fn settings(keys: KeySource) -> TokenSettings {
    TokenSettings {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys,
        customer_claim: "sub".to_owned(),
        organisation: TokenOrganisation::Claim("org_id".to_owned()),
    }
}

fn secrets(secrets: &[&str]) -> KeySource {
    KeySource::Secrets(secrets.iter().map(|&secret| secret.to_owned().into()).collect())
}

fn file_with(document: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(document).unwrap();
    file
}

/// Accepts tokens by a key of each algorithm, whose `kid` is its algorithm. The file must outlive it.
async fn customer_tokens() -> (CustomerTokens, NamedTempFile) {
    let keys = json!({ "keys": [RSA.jwk("RS256"), EC.jwk("ES256"), ED.jwk("EdDSA")] });
    let file = file_with(keys.to_string().as_bytes());
    (start(KeySource::File(file.path().to_owned())).await.unwrap(), file)
}

/// The organisation and customer of a valid token.
async fn verified(tokens: &CustomerTokens, token: &str) -> (i64, i64) {
    let (org, customer) = tokens.verify(token).await.unwrap();
    (org.get(), customer.get())
}

/// Why a token is rejected.
async fn reason(tokens: &CustomerTokens, token: &str) -> &'static str {
    match tokens.verify(token).await {
        Err(Rejection::Invalid(reason)) => reason,
        other => panic!("{other:?}: {token}"),
    }
}

/// The encodings of the public RSA key that a forger could use as a secret.
fn public_forms() -> Vec<Vec<u8>> {
    let Signer::Rsa(pair) = &*RSA else { panic!("not an RSA key") };
    let key = pair.public_key();
    let RsaPublicKeyComponents::<Vec<u8>> { n, .. } = key.into();
    let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(key).unwrap().as_ref().to_vec();
    let text = base64::engine::general_purpose::STANDARD.encode(&der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    vec![n.clone(), encode(n).into_bytes(), key.as_ref().to_vec(), der, pem.trim().into(), pem.into_bytes()]
}

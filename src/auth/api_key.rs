//! API keys: what applications show.

use std::{collections::BTreeSet, fmt, fmt::Write};

use async_trait::async_trait;
use clap::ValueEnum;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{Role, Secret};
use crate::promotions::{OrgId, StoreError, Timestamp, uuid_id};

uuid_id! {
    /// An API key, as lists and logs name it.
    ApiKeyId
}

/// What an API key begins with, so that people and scanners for leaked secrets know it.
const PREFIX: &str = "plk_";

/// The random bytes of a key: 256 bits can't be guessed, whatever is tried, so that a plain hash keeps them safe.
const SECRET_BYTES: usize = 32;

/// What an API key may be for. Customers have tokens of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyRole {
    /// Everything of the organisation: campaigns and codes too
    Admin,
    /// A backend: links, unlinks, redeems, and reads any customer's wallet
    Service,
    /// An app in the hands of strangers: links codes, and does nothing else
    Storefront,
}

impl KeyRole {
    /// The role as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Service => "service",
            Self::Storefront => "storefront",
        }
    }

    /// The role that is written so.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Admin, Self::Service, Self::Storefront].into_iter().find(|role| role.as_str() == text)
    }
}

impl From<KeyRole> for Role {
    fn from(role: KeyRole) -> Self {
        match role {
            KeyRole::Admin => Self::Admin,
            KeyRole::Service => Self::Service,
            KeyRole::Storefront => Self::Storefront,
        }
    }
}

/// An API key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The organisation that it is for.
    pub org: OrgId,
    /// Its id.
    pub id: ApiKeyId,
    /// What it may do.
    pub role: KeyRole,
    /// What its owner calls it; may be empty.
    pub name: String,
    /// The hash of its secret part.
    pub hash: KeyHash,
    /// When it was made.
    pub created_on: Timestamp,
    /// The first moment at which it is not valid any more, if there is one.
    pub expires_on: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_on: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_on: Option<Timestamp>,
}

impl ApiKey {
    /// Makes a key. The text is what callers will show; it can't be had again.
    pub fn generate(
        org: OrgId,
        role: KeyRole,
        name: String,
        now: Timestamp,
        expires_on: Option<Timestamp>,
    ) -> Result<(Self, Secret), getrandom::Error> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        let secret = bytes.iter().fold(String::with_capacity(2 * SECRET_BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        let id = ApiKeyId::new(now);
        let text = format!("{PREFIX}{}_{}_{secret}", org.get(), id.get().simple());
        let hash = KeyHash::of(&secret);
        let key = Self { org, id, role, name, hash, created_on: now, expires_on, revoked_on: None, last_used_on: None };
        Ok((key, text.into()))
    }

    /// Why the key does not let in who shows this secret part, if it doesn't.
    pub fn check(&self, shown: &ShownKey<'_>, now: Timestamp) -> Result<(), &'static str> {
        if !self.hash.is_of(shown.secret) {
            Err("the secret part of the API key is wrong")
        } else if self.revoked_on.is_some() {
            Err("the API key was revoked")
        } else if self.expires_on.is_some_and(|expires_on| now >= expires_on) {
            Err("the API key has expired")
        } else {
            Ok(())
        }
    }
}

/// The hash of a key's secret part: all of the secret that is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// A hash as it was stored.
    #[must_use]
    pub const fn from_stored(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash as it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Whether this is the hash of a secret, in a time that does not depend on it.
    fn is_of(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A key that a caller shows, taken apart: whose, which, and its secret.
#[derive(Clone, Copy)]
pub struct ShownKey<'a> {
    /// The organisation that it says it is for.
    pub org: OrgId,
    /// The id that it says it has.
    pub id: ApiKeyId,
    secret: &'a str,
}

impl<'a> ShownKey<'a> {
    /// Whether a credential means to be an API key.
    #[must_use]
    pub fn is_meant(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    /// Takes a credential apart. `None`: it is no API key.
    #[must_use]
    pub fn parse(credential: &'a str) -> Option<Self> {
        let (org, rest) = credential.strip_prefix(PREFIX)?.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        let digits = !org.is_empty() && org.bytes().all(|byte| byte.is_ascii_digit());
        let whole = id.len() == 32 && secret.len() == 2 * SECRET_BYTES;
        if !digits || !whole {
            return None;
        }
        let org = org.parse::<i64>().ok()?.try_into().ok()?;
        Some(Self { org, id: Uuid::try_parse(id).ok()?.into(), secret })
    }
}

/// Where API keys are kept.
#[async_trait]
pub trait ApiKeyRepository: Send + Sync + 'static {
    /// Adds a key, and its organisation if there is none yet. Answers whether there was none.
    async fn create_key(&self, key: &ApiKey) -> Result<bool, StoreError>;

    /// The keys with these ids, of any organisations, in any order. Ids that no key has are left out.
    async fn keys_by_id(&self, keys: &BTreeSet<(OrgId, ApiKeyId)>) -> Result<Vec<ApiKey>, StoreError>;

    /// All keys of an organisation, oldest first.
    async fn keys(&self, org: OrgId) -> Result<Vec<ApiKey>, StoreError>;

    /// Revokes a key, once. `None`: there is no such key.
    async fn revoke_key(&self, org: OrgId, id: ApiKeyId, now: Timestamp) -> Result<Option<ApiKey>, StoreError>;

    /// Notes when a key was used.
    async fn key_used(&self, org: OrgId, id: ApiKeyId, now: Timestamp) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn key(expires_on: Option<Timestamp>) -> (ApiKey, Secret) {
        let org = 100_458.try_into().unwrap();
        ApiKey::generate(org, KeyRole::Service, "shop".to_owned(), NOW, expires_on).unwrap()
    }

    #[test]
    fn a_key_lets_in_who_shows_it() {
        let (key, text) = key(None);
        let shown = ShownKey::parse(text.expose()).unwrap();
        assert_eq!((shown.org, shown.id), (key.org, key.id));
        assert_eq!(key.check(&shown, NOW), Ok(()));
        assert!(!format!("{key:?}{text:?}").contains(shown.secret));
    }

    #[test]
    fn no_other_secret_will_do() {
        let (key, text) = key(None);
        let other = ApiKey::generate(key.org, key.role, String::new(), NOW, None).unwrap().1;
        let forged = ShownKey {
            secret: ShownKey::parse(other.expose()).unwrap().secret,
            ..ShownKey::parse(text.expose()).unwrap()
        };
        assert!(key.check(&forged, NOW).is_err());
    }

    #[test]
    fn a_key_ends_when_it_expires_or_is_revoked() {
        let (key, text) = key(Some(Timestamp::from_millis(NOW.millis() + 1)));
        let shown = ShownKey::parse(text.expose()).unwrap();
        assert_eq!(key.check(&shown, NOW), Ok(()));
        assert_eq!(key.check(&shown, Timestamp::from_millis(NOW.millis() + 1)), Err("the API key has expired"));
        let revoked = ApiKey { revoked_on: Some(NOW), ..key };
        assert_eq!(revoked.check(&shown, NOW), Err("the API key was revoked"));
    }

    #[test]
    fn what_is_no_key_is_not_taken_for_one() {
        let text = key(None).1;
        let whole = text.expose();
        for damaged in
            [&whole[1..], &whole[..whole.len() - 1], "plk_", "plk_1", "plk_1_2_3", &whole.replacen('1', "+1", 1)]
        {
            assert!(ShownKey::parse(damaged).is_none(), "{damaged}");
        }
    }
}

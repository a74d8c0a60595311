//! An API key as it is stored.

use std::fmt::Write;

use super::{
    hash::KeyHash,
    presented::{ApiKeyId, PresentedKey, SECRET_BYTES},
};
use crate::{
    auth::{rejection::Rejection, role::KeyRole, secret::Secret},
    promotions::{OrgId, Timestamp},
};

/// An API key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The tenant.
    pub org: OrgId,
    /// Its id.
    pub id: ApiKeyId,
    /// What it may do.
    pub role: KeyRole,
    /// A name for people; may be empty.
    pub name: String,
    /// The hash of its secret.
    pub hash: KeyHash,
    /// When it was created.
    pub created_on: Timestamp,
    /// When it expires, if it does. It is not valid from then on.
    pub expires_on: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_on: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_on: Option<Timestamp>,
}

impl ApiKey {
    /// Generates a key. Returns it with its text form, which callers send and which can't be recovered later. Fails if the
    /// operating system's random source fails.
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
        let text = PresentedKey { org, id, secret: &secret }.to_text();
        let hash = KeyHash::of(&secret);
        let key = Self { org, id, role, name, hash, created_on: now, expires_on, revoked_on: None, last_used_on: None };
        Ok((key, text.into()))
    }

    /// Checks the secret of a presented key, and that this key is neither revoked nor expired.
    pub fn check(&self, presented: &PresentedKey<'_>, now: Timestamp) -> Result<(), Rejection> {
        if !self.hash.matches(presented.secret) {
            Err(Rejection::Invalid("the secret of the API key is wrong"))
        } else if self.revoked_on.is_some() {
            Err(Rejection::Invalid("the API key was revoked"))
        } else if self.expires_on.is_some_and(|expires_on| now >= expires_on) {
            Err(Rejection::Invalid("the API key has expired"))
        } else {
            Ok(())
        }
    }
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
    fn a_generated_key_is_valid() {
        let (key, text) = key(None);
        let presented = PresentedKey::parse(text.expose()).unwrap();
        assert_eq!((presented.org, presented.id), (key.org, key.id));
        assert!(key.check(&presented, NOW).is_ok());
        assert!(!format!("{key:?}{text:?}").contains(presented.secret));
    }

    #[test]
    fn a_key_with_another_secret_is_rejected() {
        let (key, text) = key(None);
        let other = ApiKey::generate(key.org, key.role, String::new(), NOW, None).unwrap().1;
        let forged = PresentedKey {
            secret: PresentedKey::parse(other.expose()).unwrap().secret,
            ..PresentedKey::parse(text.expose()).unwrap()
        };
        assert!(key.check(&forged, NOW).is_err());
    }

    #[test]
    fn an_expired_or_revoked_key_is_rejected() {
        let (key, text) = key(Some(Timestamp::from_millis(NOW.millis() + 1)));
        let presented = PresentedKey::parse(text.expose()).unwrap();
        assert!(key.check(&presented, NOW).is_ok());
        let later = key.check(&presented, Timestamp::from_millis(NOW.millis() + 1));
        assert!(matches!(later, Err(Rejection::Invalid("the API key has expired"))));
        let revoked = ApiKey { revoked_on: Some(NOW), ..key };
        assert!(matches!(revoked.check(&presented, NOW), Err(Rejection::Invalid("the API key was revoked"))));
    }

    #[test]
    fn malformed_keys_are_not_parsed() {
        let text = key(None).1;
        let whole = text.expose();
        for damaged in
            [&whole[1..], &whole[..whole.len() - 1], "plk_", "plk_1", "plk_1_2_3", &whole.replacen('1', "+1", 1)]
        {
            assert!(PresentedKey::parse(damaged).is_none(), "{damaged}");
        }
    }
}

//! The text form of an API key: `plk_<organisation>_<id>_<secret>`.

use uuid::Uuid;

use crate::promotions::{OrgId, uuid_id};

uuid_id! {
    /// The id of an API key, in lists and logs.
    ApiKeyId
}

/// The prefix of API keys, by which people and scanners for leaked secrets recognise them.
const PREFIX: &str = "plk_";

/// The random bytes of a secret: 256 bits can't be guessed.
pub const SECRET_BYTES: usize = 32;

/// The parts of a key that a caller has sent. They are not verified.
#[derive(Clone, Copy)]
pub struct PresentedKey<'a> {
    /// The organisation.
    pub org: OrgId,
    /// The id of the key.
    pub id: ApiKeyId,
    pub(super) secret: &'a str,
}

impl<'a> PresentedKey<'a> {
    /// Whether a credential has the prefix of API keys.
    #[must_use]
    pub fn has_prefix(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    /// Parses a credential. `None` if it is not an API key.
    #[must_use]
    pub fn parse(credential: &'a str) -> Option<Self> {
        let (org, rest) = credential.strip_prefix(PREFIX)?.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        let digits = !org.is_empty() && org.bytes().all(|byte| byte.is_ascii_digit());
        let complete = id.len() == 32 && secret.len() == 2 * SECRET_BYTES;
        if !digits || !complete {
            return None;
        }
        let org = org.parse::<i64>().ok()?.try_into().ok()?;
        Some(Self { org, id: Uuid::try_parse(id).ok()?.into(), secret })
    }

    /// The text form, which [`PresentedKey::parse`] parses.
    pub(super) fn to_text(self) -> String {
        format!("{PREFIX}{}_{}_{}", self.org.get(), self.id.get().simple(), self.secret)
    }
}

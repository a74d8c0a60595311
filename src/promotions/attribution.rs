//! Who made a change, by which request, and why: what the events of the change say about its cause.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    ids::CustomerId,
    visibility::{Invisible, check_visible},
};

/// The longest reason, in characters after trimming.
pub const MAX_REASON_CHARS: usize = 500;

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The owner of the API key with this id.
    ApiKey(Uuid),
    /// A customer, with a token of their own.
    Customer(CustomerId),
    /// A caller of `promolink dev`, which requires no credential.
    Operator,
    /// A command, such as `promolink codes import`.
    CommandLine,
    /// The server itself.
    Server,
}

/// Who made a change, by which request, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// Who made it.
    pub actor: Actor,
    /// The id of the request, as in the log. `None` if it was not a request.
    pub request_id: Option<Arc<str>>,
    /// Why, in the caller's words.
    pub reason: Option<Reason>,
}

impl Attribution {
    /// The attribution of a change that no request made.
    #[must_use]
    pub const fn to(actor: Actor) -> Self {
        Self { actor, request_id: None, reason: None }
    }

    /// The same with a reason.
    #[must_use]
    pub fn because(self, reason: Option<Reason>) -> Self {
        Self { reason, ..self }
    }
}

/// Why a change was made, in the caller's words: 1 to 500 visible characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Arc<str>);

/// Why a text is not a reason. The messages follow the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// It is empty after trimming, or too long.
    #[error("must have 1 to {MAX_REASON_CHARS} characters")]
    Length,
    /// It has an invisible character.
    #[error("must not contain {0}")]
    Invisible(#[from] Invisible),
}

impl Reason {
    /// Parses a reason.
    pub fn parse(text: &str) -> Result<Self, InvalidReason> {
        let text = text.trim();
        if text.is_empty() || text.chars().nth(MAX_REASON_CHARS).is_some() {
            return Err(InvalidReason::Length);
        }
        check_visible(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A reason read from the store. It was parsed before it was written.
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.into())
    }
}

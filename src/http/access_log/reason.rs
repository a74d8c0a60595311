//! Why a request has no result, as the access log says it. docs/overload.md lists the texts.

use std::borrow::Cow;

/// Why a request was rejected, or failed as a whole.
#[derive(Debug, Clone)]
pub enum Reason {
    /// The request is malformed: the text of the response.
    BadRequest(Cow<'static, str>),
    /// The credential is invalid. The caller doesn't learn why.
    Credential(&'static str),
    /// Pages of this origin may not call.
    Origin,
    /// The request has no credential.
    NoCredential,
    /// A customer token can't be checked at the moment.
    CredentialUnchecked,
    /// An API key can't be looked up at the moment.
    KeyNotLookedUp,
    /// The caller has exceeded its limit of operations.
    TooManyOperations,
    /// No permit is free, and the caller has its share.
    ShareTaken,
    /// No permit became free in time.
    NoPermit,
    /// The same for heavy work.
    NoHeavyPermit,
    /// The same for a large body.
    NoBodyPermit,
    /// Every field failed with OVERLOADED.
    Overloaded,
    /// It took too long.
    TimedOut,
    /// It panicked.
    Panicked,
}

impl Reason {
    pub fn as_str(&self) -> &str {
        match self {
            Self::BadRequest(reason) => reason,
            Self::Credential(reason) => reason,
            Self::Origin => "pages of this origin may not call: permit them by --cors-origin",
            Self::NoCredential => "there is no credential",
            Self::CredentialUnchecked => "the customer token can't be checked",
            Self::KeyNotLookedUp => "the API key can't be looked up",
            Self::TooManyOperations => "too many operations",
            Self::ShareTaken => "no permit is free, and the caller has its share",
            Self::NoPermit => "no permit was free in time",
            Self::NoHeavyPermit => "no permit for heavy work was free in time",
            Self::NoBodyPermit => "no permit for a large body was free in time",
            Self::Overloaded => "every field failed with OVERLOADED",
            Self::TimedOut => "it took more than 30 seconds",
            Self::Panicked => "it panicked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reason::*;

    #[test]
    fn the_documentation_lists_every_reason() {
        let documentation = include_str!("../../../docs/overload.md");
        for reason in [
            Origin,
            NoCredential,
            CredentialUnchecked,
            KeyNotLookedUp,
            TooManyOperations,
            ShareTaken,
            NoPermit,
            NoHeavyPermit,
            NoBodyPermit,
            Overloaded,
            TimedOut,
            Panicked,
        ] {
            assert!(documentation.contains(&format!("`{}`", reason.as_str())), "{reason:?}");
        }
    }
}

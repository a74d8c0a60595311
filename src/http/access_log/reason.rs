//! Why nothing came of a request, in words for the log. docs/overload.md lists them.

use std::borrow::Cow;

/// Why a request was rejected, or failed as a whole.
#[derive(Debug, Clone)]
pub enum Reason {
    /// What is wrong with the request, as its caller is told.
    Malformed(Cow<'static, str>),
    /// What is wrong with the credential, which its caller is not told.
    Credential(&'static str),
    /// The origin of the page is not one that may call.
    Origin,
    /// The request shows no credential.
    NoCredential,
    /// A customer token can't be checked now.
    CredentialUnchecked,
    /// An API key can't be looked up now.
    KeyNotLookedUp,
    /// The caller has spent its operations.
    TooManyOperations,
    /// All places are taken, and the caller has its share.
    ShareTaken,
    /// No place became free in time.
    NoPlace,
    /// The same for heavy work.
    NoHeavyPlace,
    /// The same for a large body.
    NoBodyPlace,
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
            Self::Malformed(reason) => reason,
            Self::Credential(reason) => reason,
            Self::Origin => "pages of this origin may not call: permit them by --cors-origin",
            Self::NoCredential => "there is no credential",
            Self::CredentialUnchecked => "the customer token can't be checked",
            Self::KeyNotLookedUp => "the API key can't be looked up",
            Self::TooManyOperations => "too many operations",
            Self::ShareTaken => "no place is free, and the caller has its share",
            Self::NoPlace => "no place was free in time",
            Self::NoHeavyPlace => "no place for heavy work was free in time",
            Self::NoBodyPlace => "no place for a large body was free in time",
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
    fn the_documentation_lists_them() {
        let documentation = include_str!("../../../docs/overload.md");
        for reason in [
            Origin,
            NoCredential,
            CredentialUnchecked,
            KeyNotLookedUp,
            TooManyOperations,
            ShareTaken,
            NoPlace,
            NoHeavyPlace,
            NoBodyPlace,
            Overloaded,
            TimedOut,
            Panicked,
        ] {
            assert!(documentation.contains(&format!("`{}`", reason.as_str())), "{reason:?}");
        }
    }
}

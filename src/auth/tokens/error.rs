//! Why there are no keys to check customer tokens with, for operators.

use std::{error::Error, io, iter::successors};

use super::{key_set::MAX_KEYS, key_source::MAX_DOCUMENT_BYTES, key_source::PATIENCE};

/// Why there are no keys to check customer tokens with.
#[derive(Debug, thiserror::Error)]
pub enum UnusableKeys {
    /// The shared secret could be guessed.
    #[error("the secret of customer tokens has fewer than 32 bytes, the least for HS256 (RFC 7518, section 3.2)")]
    ShortSecret,
    /// The URL is none, or none that keys may come from.
    #[error("the URL of the key set {0}")]
    Url(&'static str),
    /// There is no way to fetch: as a rule because the system has no certificates.
    #[error("the key set can't be fetched from this system")]
    Client(#[source] reqwest::Error),
    /// The file can't be read.
    #[error("the key set can't be read: {0}")]
    Read(io::Error),
    /// The URL can't be reached. The message has all causes, since the log shows no sources, and only they tell a refused
    /// connection from an unknown name or an invalid certificate.
    #[error("the key set can't be fetched: {}", causes(.0))]
    Fetch(reqwest::Error),
    /// The URL did not answer with a key set. Redirects are not followed.
    #[error("the key set can't be fetched: the answer was {0}")]
    Status(reqwest::StatusCode),
    /// File or URL took too long.
    #[error("the key set was not there after {} seconds", PATIENCE.as_secs())]
    TimedOut,
    /// It takes longer than a request may wait for it.
    #[error("the key set is still being read")]
    BeingRead,
    /// The document is too large.
    #[error("the key set has more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// The document has too many keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// The document is something else. Where it went wrong is told, but nothing of what is there: it may be a secret.
    #[error("this is no JSON Web Key Set (RFC 7517): line {line}, column {column}")]
    NoKeySet {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Every key was skipped.
    #[error(
        "no key of the key set can be used: it must be a public key for RS256 (2048 bits or more), ES256 or EdDSA with Ed25519"
    )]
    NothingUsable,
}

/// An error with all of its causes.
fn causes(error: &reqwest::Error) -> String {
    let error: &dyn Error = error;
    successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

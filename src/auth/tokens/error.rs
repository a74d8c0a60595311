//! Why there are no keys to check customer tokens with, for operators.

use std::io;

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
    #[error("the key set can't be read")]
    Read(#[source] io::Error),
    /// The URL can't be reached.
    #[error("the key set can't be fetched")]
    Fetch(#[source] reqwest::Error),
    /// The URL did not answer with a key set. Redirects are not followed.
    #[error("the key set can't be fetched: the answer was {0}")]
    Status(reqwest::StatusCode),
    /// File or URL took too long.
    #[error("the key set was not there after {} seconds", PATIENCE.as_secs())]
    TimedOut,
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
    #[error("no key of the key set can be used: it must be a public key for RS256 (2048 bits or more), ES256 or EdDSA")]
    NothingUsable,
}

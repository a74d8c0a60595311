//! Why there are no keys to verify customer tokens with, for operators.

use std::{error::Error, io, iter::successors, time::Duration};

/// Why there are no keys to verify customer tokens with.
#[derive(Debug, thiserror::Error)]
pub enum TokenKeyError {
    /// The shared secret could be guessed.
    #[error("the secret of customer tokens must have at least {min_bytes} bytes for HS256 (RFC 7518, section 3.2)")]
    ShortSecret {
        /// The minimum length.
        min_bytes: usize,
    },
    /// The URL can't be parsed.
    #[error("the URL of the key set is malformed")]
    MalformedUrl,
    /// The URL would fetch keys unprotected.
    #[error("the URL of the key set must begin with https:// (http:// is accepted for localhost only)")]
    InsecureUrl,
    /// The URL has a user name or a password.
    #[error("the URL of the key set must not contain a user name or a password: keys are public")]
    UrlWithCredentials,
    /// The HTTP client can't start, usually because the system has no certificates.
    #[error("cannot create an HTTP client to fetch the key set: {}", causes(.0))]
    Client(reqwest::Error),
    /// The file can't be read.
    #[error("cannot read the key set: {0}")]
    Read(io::Error),
    /// The URL can't be fetched. The message includes all causes, because the log does not, and only they tell a refused
    /// connection from an unknown name or an invalid certificate.
    #[error("cannot fetch the key set: {}", causes(.0))]
    Fetch(reqwest::Error),
    /// The URL responded with another status than success. Redirects are not followed.
    #[error("cannot fetch the key set: the server responded with {0}")]
    Status(reqwest::StatusCode),
    /// The file or URL took too long.
    #[error("the key set did not arrive within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// A request can't wait any longer for the key set.
    #[error("the key set is still being read")]
    BeingRead,
    /// The document is too large.
    #[error("the key set has more than {max_bytes} bytes")]
    TooLarge {
        /// The maximum size.
        max_bytes: usize,
    },
    /// The document has too many keys.
    #[error("the key set has more than {max_keys} keys")]
    TooManyKeys {
        /// The maximum number.
        max_keys: usize,
    },
    /// The document is something else. The message has the position of the error, but no content: it may be a secret.
    #[error("the document is not a JSON Web Key Set (RFC 7517): error at line {line}, column {column}")]
    NotAKeySet {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// All keys were skipped.
    #[error(
        "the key set has no usable key: it must have a public key for RS256 (2048 to 8192 bits), ES256 or EdDSA with Ed25519"
    )]
    NoUsableKey,
}

/// An error with all of its causes.
fn causes(error: &reqwest::Error) -> String {
    let error: &dyn Error = error;
    successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

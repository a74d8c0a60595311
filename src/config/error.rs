//! Settings that can't work.

use std::{error::Error, io, path::PathBuf};

use super::{tokens::SECRET, webhooks::ENCRYPTION_KEY};
use crate::{auth::TokenKeyError, events::InvalidEncryptionKey, graphql::InvalidManifest, telemetry::InvalidFilter};

/// A setting that can't work, as found after clap has parsed the options. The program ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The value of a variable is not text.
    #[error("{0} is not valid UTF-8")]
    NotUtf8(&'static str),
    /// `RUST_LOG` is malformed.
    #[error(transparent)]
    LogFilter(#[from] InvalidFilter),
    /// Only persisted documents are permitted, and there are none.
    #[error("--documents-only requires --documents, the file with the documents")]
    DocumentsMissing,
    /// The manifest of persisted documents can't be read.
    #[error("--documents: cannot read {}", path.display())]
    DocumentsUnreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file of persisted documents is no manifest.
    #[error("--documents {}: {reason}", path.display())]
    DocumentsInvalid {
        /// The file.
        path: PathBuf,
        /// The cause. Not a `source`: its message has its own causes already.
        reason: InvalidManifest,
    },
    /// A limit on documents is malformed.
    #[error("--document-limit {setting}")]
    DocumentLimit {
        /// The setting as it was given.
        setting: String,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A replica of an SQLite file was requested.
    #[error("--read-database-url must be the URL of a PostgreSQL database")]
    ReplicaOfSqlite,
    /// More than one source of keys was given.
    #[error("customer tokens: exactly one of --jwks, --jwt-secret-file (at most twice) and {} is required, not several", SECRET.name)]
    SeveralTokenKeys,
    /// The issuer or the audience was given, but no keys.
    #[error("customer tokens: one of --jwks, --jwt-secret-file and {} is missing", SECRET.name)]
    TokenKeysMissing,
    /// Keys were given, but not both issuer and audience.
    #[error("customer tokens: both --jwt-issuer and --jwt-audience are required")]
    TokenClaimsMissing,
    /// The file with the secret can't be read.
    #[error("--jwt-secret-file: cannot read {}", path.display())]
    SecretUnreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A key that encrypts secrets is malformed.
    #[error("{name}: {0}", name = ENCRYPTION_KEY.name)]
    EncryptionKey(InvalidEncryptionKey),
    /// The keys of customer tokens can't be used.
    #[error("{option}")]
    TokenKeysUnusable {
        /// The option that gives the keys, with its value if that may be shown.
        option: String,
        /// The cause.
        source: TokenKeyError,
    },
}

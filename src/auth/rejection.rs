//! Why a caller is not authenticated.

use crate::promotions::{Cause, StoreError};

/// Why a caller is not authenticated.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The request has no credential.
    #[error("the credential is missing")]
    Missing,
    /// The credential is not valid. The reason is for the log only: callers learn nothing more. It is a text and not a type,
    /// because nothing depends on it.
    #[error("{0}")]
    Invalid(&'static str),
    /// The credential can't be verified at the moment. A retry is safe.
    #[error("the credential can't be verified: {0}")]
    Unavailable(#[source] Cause),
    /// The lookup of the credential failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

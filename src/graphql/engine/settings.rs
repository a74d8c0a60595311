//! The settings of the engine.

use super::{document_limits::DocumentLimits, persisted_documents::PersistedDocuments};

/// The settings of the engine.
#[derive(Debug)]
pub struct EngineSettings {
    /// The documents that callers can name instead of sending their text.
    pub persisted: PersistedDocuments,
    /// The callers whose documents may select introspection.
    pub introspection: Introspection,
    /// The limits of documents that services and admins send.
    pub limits: DocumentLimits,
    /// The limits of documents that storefronts and customers send.
    pub untrusted_limits: DocumentLimits,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            persisted: PersistedDocuments::default(),
            introspection: Introspection::default(),
            limits: DocumentLimits::default(),
            untrusted_limits: DocumentLimits::untrusted(),
        }
    }
}

/// The callers whose documents may select introspection: `__schema`, `__type` and `_service`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Introspection {
    /// All callers.
    On,
    /// Services and admins.
    #[default]
    Trusted,
    /// No callers.
    Off,
}

impl Introspection {
    /// Why trusted or untrusted callers may not select introspection, or `None` if they may.
    pub(super) const fn denial(self, is_trusted: bool) -> Option<IntrospectionDenied> {
        match self {
            Self::Off => Some(IntrospectionDenied::Off),
            Self::Trusted if !is_trusted => Some(IntrospectionDenied::Untrusted),
            Self::Trusted | Self::On => None,
        }
    }
}

/// Why a document may not select introspection.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum IntrospectionDenied {
    #[error("Introspection is off on this server: use the schema that `promolink schema` prints.")]
    Off,
    #[error("Introspection requires the role service or admin on this server.")]
    Untrusted,
}

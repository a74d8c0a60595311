//! The settings of the engine.

use super::{limits::DocumentLimits, persisted::PersistedDocuments};

/// The settings of the engine.
#[derive(Debug)]
pub struct EngineSettings {
    /// The documents that callers may name instead of sending their text.
    pub persisted: PersistedDocuments,
    /// The callers whose documents may select introspection.
    pub introspection: Introspection,
    /// The limits of a document that a service or an admin sends.
    pub limits: DocumentLimits,
    /// The limits of a document that a storefront or a customer sends.
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

/// The callers whose documents may select the schema.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Introspection {
    /// All.
    On,
    /// Services and admins.
    #[default]
    Trusted,
    /// None.
    Off,
}

impl Introspection {
    /// Why a document may not select the schema, or `None` if it may. The callers are those that are trusted, or the others.
    pub(super) fn refusal(self, is_trusted: bool) -> Option<&'static str> {
        match self {
            Self::Off => Some("Introspection is off on this server: use the schema that `promolink schema` prints."),
            Self::Trusted if !is_trusted => Some("Introspection requires the role service or admin on this server."),
            Self::Trusted | Self::On => None,
        }
    }
}

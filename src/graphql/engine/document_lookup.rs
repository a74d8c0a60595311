//! Finds the document of a request: in the request, in the manifest, or among the automatic persisted queries.

use std::{fmt::Write, sync::Arc};

use sha2::{Digest, Sha256};

use super::{DocumentSource, Engine, GraphqlRequest, RequestError, document::Document, validation::Validator};
use crate::{
    auth::{Principal, Role},
    graphql::error::ErrorCode,
};

/// Longer documents are heavy: they take about 0.5 ms or more to parse and validate. In bytes.
const HEAVY_TEXT: usize = 4 * 1024;

impl Engine {
    /// Whether a request takes long to prepare: its document is large and not in the cache.
    #[must_use]
    pub fn is_heavy_to_prepare(&self, request: &GraphqlRequest, principal: &Principal) -> bool {
        let cache = &self.policy(principal).cache;
        let is_heavy = |text: &str| text.len() > HEAVY_TEXT && !cache.contains(text);
        let is_heavy_persisted = |id: &str| self.0.persisted.get(id).is_some_and(is_heavy);
        match &request.document {
            DocumentSource::Text(text) | DocumentSource::Hash { text: Some(text), .. } => is_heavy(text),
            DocumentSource::Id(id) => is_heavy_persisted(id),
            DocumentSource::Hash { hash, text: None } => {
                let registered = cache.registered(principal.org, hash.to_ascii_lowercase());
                is_heavy_persisted(hash) || registered.is_some_and(|text| is_heavy(&text))
            }
        }
    }

    /// Returns the document of a request, parsed and validated.
    pub(super) fn document(
        &self,
        source: DocumentSource,
        principal: &Principal,
    ) -> Result<Arc<Document>, RequestError> {
        match source {
            DocumentSource::Text(_) if !self.accepts_texts(principal) => Err(text_rejected()),
            DocumentSource::Text(text) => self.valid_document(&text, principal),
            DocumentSource::Id(id) => {
                let missing = || {
                    let message = "The server has no persisted document with this documentId: check that its manifest \
                                   and the client are of the same version.";
                    RequestError::document(ErrorCode::PersistedDocumentNotFound, message)
                };
                self.valid_document(self.0.persisted.get(&id).ok_or_else(missing)?, principal)
            }
            DocumentSource::Hash { hash, text: None } => self.registered_document(&hash, principal),
            DocumentSource::Hash { hash, text: Some(text) } => self.register_document(&hash, &text, principal),
        }
    }

    /// The document that an automatic persisted query names by its hash. A persisted document may be named in the same way.
    fn registered_document(&self, hash: &str, principal: &Principal) -> Result<Arc<Document>, RequestError> {
        // Ids of a manifest need not be hashes.
        if let Some(text) = self.0.persisted.get(hash) {
            return self.valid_document(text, principal);
        }
        let hash = hash.to_ascii_lowercase();
        if let Some(text) = self.0.persisted.get(&hash) {
            return self.valid_document(text, principal);
        }
        if !self.accepts_texts(principal) {
            return Err(RequestError::automatic_persisted_query(ErrorCode::PersistedQueryNotSupported));
        }
        let unknown = || RequestError::automatic_persisted_query(ErrorCode::PersistedQueryNotFound);
        let text = self.policy(principal).cache.registered(principal.org, hash).ok_or_else(unknown)?;
        self.valid_document(&text, principal)
    }

    /// The document of an automatic persisted query that has both hash and text. Registers it if it is valid.
    fn register_document(&self, hash: &str, text: &str, principal: &Principal) -> Result<Arc<Document>, RequestError> {
        let hash = hash.to_ascii_lowercase();
        if hash != sha256(text) {
            let message = "The extension persistedQuery.sha256Hash is not the SHA-256 of the query: hash exactly the text \
                           that is sent, and encode the hash in hexadecimal digits.";
            return Err(RequestError::document(ErrorCode::BadRequest, message));
        }
        if self.0.persisted.get(&hash).is_none() && !self.accepts_texts(principal) {
            return Err(text_rejected());
        }
        let document = self.valid_document(text, principal)?;
        self.policy(principal).cache.register(principal.org, hash, text);
        Ok(document)
    }

    /// Whether a caller may send the text of a document. If only persisted documents are accepted, admins still may.
    fn accepts_texts(&self, principal: &Principal) -> bool {
        !self.0.persisted.only || principal.role == Role::Admin
    }

    /// Returns the document with this text from the cache, or parses and validates the text.
    fn valid_document(&self, text: &str, principal: &Principal) -> Result<Arc<Document>, RequestError> {
        let policy = self.policy(principal);
        let validator = Validator::new(&self.0.type_system, &policy.limits, policy.no_introspection);
        policy.cache.get_or_insert(text, |text| validator.validate(text))
    }
}

/// The error for the text of a document where only persisted documents are accepted.
fn text_rejected() -> RequestError {
    let message = "This server executes only persisted documents: send the documentId of one instead of a query.";
    RequestError::document(ErrorCode::PersistedDocumentRequired, message)
}

/// The SHA-256 of a text, in lower-case hexadecimal digits.
fn sha256(text: &str) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

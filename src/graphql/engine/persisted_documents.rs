//! Persisted documents: the operator's manifest of documents, which callers name by id instead of sending the text.

use std::collections::{HashMap, HashSet};

use super::{Engine, RequestError, document_limits::DocumentLimits, parsing::parse, validation::Validator};

/// The documents of a manifest (GraphQL over HTTP, appendix on persisted documents).
#[derive(Debug, Default)]
pub struct PersistedDocuments {
    texts: HashMap<String, String>,
    distinct_texts: HashSet<String>,
    /// Whether other documents are rejected. Admins are exempt.
    pub only: bool,
}

/// Why a text is not a manifest.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It is not a JSON object of texts.
    #[error("the manifest must be a JSON object of documents by hash, such as {{ \"sha256:...\": \"query ...\" }}")]
    NotAnObject(#[from] serde_json::Error),
    /// One of its documents has a syntax error or exceeds a limit.
    #[error("the document {id} of the manifest can't be parsed")]
    Document {
        /// The document's id.
        id: String,
        /// The reason.
        source: RequestError,
    },
}

/// The prefix of ids that are hashes. Manifests and requests may omit it.
const HASH_PREFIX: &str = "sha256:";

impl PersistedDocuments {
    /// Parses a manifest as graphql-codegen's client preset writes it: a JSON object with the SHA-256 of each document as the
    /// key and its text as the value.
    pub fn parse(manifest: &str, only: bool) -> Result<Self, InvalidManifest> {
        let texts: HashMap<String, String> = serde_json::from_str(manifest)?;
        for (id, text) in &texts {
            parse(text, &DocumentLimits::default())
                .map_err(|source| InvalidManifest::Document { id: id.clone(), source })?;
        }
        let plain = |id: String| id.strip_prefix(HASH_PREFIX).map(ToOwned::to_owned).unwrap_or(id);
        let distinct_texts = texts.values().cloned().collect();
        Ok(Self { distinct_texts, texts: texts.into_iter().map(|(id, text)| (plain(id), text)).collect(), only })
    }

    /// The text of a document, or `None` if there is no such document.
    pub fn get(&self, id: &str) -> Option<&str> {
        self.texts.get(id.strip_prefix(HASH_PREFIX).unwrap_or(id)).map(String::as_str)
    }

    /// Whether one of the documents has this text.
    #[must_use]
    pub fn has_text(&self, text: &str) -> bool {
        self.distinct_texts.contains(text)
    }
}

impl Engine {
    /// The ids of the persisted documents that are not valid for the schema, each with the reason. They are wrong, or for
    /// another version of the server.
    #[must_use]
    pub fn invalid_persisted_documents(&self) -> Vec<(&str, RequestError)> {
        let validator = Validator::new(&self.0.type_system, &self.0.trusted.limits, None);
        let texts = self.0.persisted.texts.iter();
        texts.filter_map(|(id, text)| Some((id.as_str(), validator.validate(text).err()?))).collect()
    }
}

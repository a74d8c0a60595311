//! Persisted documents: those that an operator lets callers name instead of sending their text.

use std::collections::{HashMap, HashSet};

use super::{
    Engine, RequestError,
    limits::DocumentLimits,
    validation::{Validator, parse},
};

/// The documents of a manifest (GraphQL over HTTP, appendix on persisted documents).
#[derive(Debug, Default)]
pub struct PersistedDocuments {
    texts: HashMap<String, String>,
    distinct_texts: HashSet<String>,
    /// Whether callers may send no other documents. Admins may.
    pub only: bool,
}

/// Why a manifest can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It is not a manifest.
    #[error("the manifest must be a JSON object that has the text of each document under its hash: {0}")]
    NoManifest(#[from] serde_json::Error),
    /// One of its documents has a syntax error.
    #[error("the document {id} of the manifest is malformed: {reason}")]
    Document {
        /// The document's id.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The prefix of an id that is the hash of a document.
const HASH: &str = "sha256:";

impl PersistedDocuments {
    /// Parses a manifest as graphql-codegen's client preset writes it: a JSON object that has the text of each document
    /// under its SHA-256.
    pub fn parse(manifest: &str, only: bool) -> Result<Self, InvalidManifest> {
        let texts: HashMap<String, String> = serde_json::from_str(manifest)?;
        for (id, text) in &texts {
            parse(text, &DocumentLimits::default())
                .map_err(|error| InvalidManifest::Document { id: id.clone(), reason: reason(error) })?;
        }
        let plain = |id: String| id.strip_prefix(HASH).map(ToOwned::to_owned).unwrap_or(id);
        let distinct_texts = texts.values().cloned().collect();
        Ok(Self { distinct_texts, texts: texts.into_iter().map(|(id, text)| (plain(id), text)).collect(), only })
    }

    /// The text of a document, or `None` if there is no such document. The prefix `sha256:` may be left out.
    pub fn get(&self, id: &str) -> Option<&str> {
        self.texts.get(id.strip_prefix(HASH).unwrap_or(id)).map(String::as_str)
    }

    /// Whether one of the documents has this text.
    #[must_use]
    pub fn has_text(&self, text: &str) -> bool {
        self.distinct_texts.contains(text)
    }
}

impl Engine {
    /// The persisted documents that the schema does not permit, each with its id and the reason. They are for another
    /// version of the server, or wrong.
    #[must_use]
    pub fn invalid_persisted(&self) -> Vec<(&str, String)> {
        let validator = Validator::new(&self.0.type_system, &self.0.trusted.limits, None);
        let texts = self.0.persisted.texts.iter();
        let invalid = texts.filter_map(|(id, text)| Some((id.as_str(), validator.validate(text).err()?)));
        invalid.map(|(id, error)| (id, reason(error))).collect()
    }
}

fn reason(error: RequestError) -> String {
    error.errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join(" ")
}

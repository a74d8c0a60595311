//! Persisted documents: the operator's manifest of documents, which callers name by id instead of sending the text.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

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
    /// It is not JSON, or has neither of the formats.
    #[error(
        "the manifest must be a JSON object of documents by hash, such as {{ \"sha256:...\": \"query ...\" }}, or have the \
         format {APOLLO_FORMAT}: {0}"
    )]
    Malformed(#[from] serde_json::Error),
    /// Two of its documents have the same id.
    #[error("the manifest has different documents with the id {id}")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// One of its documents has a syntax error or exceeds a limit.
    #[error("the document {id} of the manifest can't be parsed: {source}")]
    Document {
        /// The document's id.
        id: String,
        /// The reason.
        source: RequestError,
    },
}

/// The format of manifests of Apollo's tools
/// (<https://www.apollographql.com/docs/graphos/platform/security/persisted-queries#manifest-format>).
const APOLLO_FORMAT: &str = "apollo-persisted-query-manifest";

#[derive(Deserialize)]
struct ApolloManifest {
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

/// The ids and texts of a manifest, in its order.
fn documents(manifest: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_str(manifest)?;
    if value.get("format").and_then(|format| format.as_str()) == Some(APOLLO_FORMAT) {
        let manifest: ApolloManifest = serde_json::from_str(manifest)?;
        return Ok(manifest.operations.into_iter().map(|operation| (operation.id, operation.body)).collect());
    }
    // Of graphql-codegen's client preset: the text of each document by its hash.
    Ok(serde_json::from_str::<BTreeMap<String, String>>(manifest)?.into_iter().collect())
}

/// The prefix of ids that are hashes. Manifests and requests may omit it.
const HASH_PREFIX: &str = "sha256:";

impl PersistedDocuments {
    /// Parses a manifest of graphql-codegen's client preset, or of Apollo's tools.
    pub fn parse(manifest: &str, only: bool) -> Result<Self, InvalidManifest> {
        let mut texts: HashMap<String, String> = HashMap::new();
        for (id, text) in documents(manifest)? {
            parse(&text, &DocumentLimits::default())
                .map_err(|source| InvalidManifest::Document { id: id.clone(), source })?;
            let plain = id.strip_prefix(HASH_PREFIX).unwrap_or(&id).to_owned();
            if texts.get(&plain).is_some_and(|known| *known != text) {
                return Err(InvalidManifest::DuplicateId { id });
            }
            texts.insert(plain, text);
        }
        Ok(Self { distinct_texts: texts.values().cloned().collect(), texts, only })
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

//! Persisted documents: the operator's manifest of documents, which callers name by id instead of sending the text.

use std::collections::{HashMap, HashSet};

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
    /// It has neither of the formats.
    #[error(
        "the manifest must be a JSON object of documents by hash, such as {{ \"sha256:...\": \"query ...\" }}, or have the \
         format apollo-persisted-query-manifest"
    )]
    UnknownFormat(#[from] serde_json::Error),
    /// One of its documents has a syntax error or exceeds a limit.
    #[error("the document {id} of the manifest can't be parsed")]
    Document {
        /// The document's id.
        id: String,
        /// The reason.
        source: RequestError,
    },
}

/// The formats of manifests.
#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    /// Of Apollo's tools
    /// (<https://www.apollographql.com/docs/graphos/platform/security/persisted-queries#manifest-format>).
    Apollo {
        #[expect(dead_code, reason = "it tells the formats apart")]
        format: ApolloFormat,
        operations: Vec<ApolloOperation>,
    },
    /// Of graphql-codegen's client preset: the text of each document by its hash.
    ByHash(HashMap<String, String>),
}

#[derive(Deserialize)]
enum ApolloFormat {
    #[serde(rename = "apollo-persisted-query-manifest")]
    PersistedQueries,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

impl Manifest {
    fn into_texts(self) -> HashMap<String, String> {
        match self {
            Self::Apollo { operations, .. } => {
                operations.into_iter().map(|ApolloOperation { id, body }| (id, body)).collect()
            }
            Self::ByHash(texts) => texts,
        }
    }
}

/// The prefix of ids that are hashes. Manifests and requests may omit it.
const HASH_PREFIX: &str = "sha256:";

impl PersistedDocuments {
    /// Parses a manifest of graphql-codegen's client preset, or of Apollo's tools.
    pub fn parse(manifest: &str, only: bool) -> Result<Self, InvalidManifest> {
        let texts = serde_json::from_str::<Manifest>(manifest)?.into_texts();
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

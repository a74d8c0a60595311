//! Documents: those that an operator has persisted, and those that were read a moment ago.

use std::{collections::HashMap, sync::Arc};

use async_graphql::parser::parse_query;
use quick_cache::{Weighter, sync::Cache};

use super::known::Known;

/// How much memory read documents may take, in bytes, by estimate.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// What a byte of a document's text takes when it has been read, by estimate: the text itself and a tree of names,
/// positions and lists.
const BYTES_PER_BYTE: u64 = 24;

/// What a key of its answer takes, by estimate. Fragments make many of a short text.
const BYTES_PER_KEY: u64 = 64;

/// Documents that were read and found sound, by their text.
pub struct Documents(Cache<String, Arc<Known>, Weight>);

#[derive(Clone)]
struct Weight;

impl Weighter<String, Arc<Known>> for Weight {
    fn weight(&self, text: &String, document: &Arc<Known>) -> u64 {
        1024 + text.len() as u64 * BYTES_PER_BYTE + document.keys() as u64 * BYTES_PER_KEY
    }
}

impl Documents {
    /// None yet.
    pub fn new() -> Self {
        Self(Cache::with_weighter(1_000, CACHE_BYTES, Weight))
    }

    /// The document with this text.
    pub fn get(&self, text: &str) -> Option<Arc<Known>> {
        self.0.get(text)
    }

    /// Keeps a document that was executed.
    pub fn keep(&self, text: String, document: Arc<Known>) {
        self.0.insert(text, document);
    }
}

/// Documents that callers may name instead of sending them (GraphQL over HTTP, appendix on persisted documents).
#[derive(Debug, Default)]
pub struct PersistedDocuments {
    texts: HashMap<String, String>,
    /// Whether callers may send no others, but for admins.
    pub only: bool,
}

/// A manifest that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It is something else.
    #[error("a JSON object is wanted that has the text of each document under its hash: {0}")]
    NoManifest(#[from] serde_json::Error),
    /// A document of it is none.
    #[error("its document {0} is malformed: {1}")]
    Document(String, String),
}

/// What an id begins with that is a document's hash.
const HASH: &str = "sha256:";

impl PersistedDocuments {
    /// Reads a manifest as graphql-codegen's client preset writes it: a JSON object with the text of each document under
    /// the SHA-256 of it.
    pub fn parse(manifest: &str, only: bool) -> Result<Self, InvalidManifest> {
        let texts: HashMap<String, String> = serde_json::from_str(manifest)?;
        for (id, text) in &texts {
            parse_query(text).map_err(|error| InvalidManifest::Document(id.clone(), error.to_string()))?;
        }
        let plain = |id: String| id.strip_prefix(HASH).map(ToOwned::to_owned).unwrap_or(id);
        Ok(Self { texts: texts.into_iter().map(|(id, text)| (plain(id), text)).collect(), only })
    }

    /// The text of a document. The prefix `sha256:` may be left out.
    pub fn get(&self, id: &str) -> Option<&str> {
        self.texts.get(id.strip_prefix(HASH).unwrap_or(id)).map(String::as_str)
    }
}

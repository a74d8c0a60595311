//! Documents that were parsed and validated, and the texts of automatic persisted queries.

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::{ExecutableDocument, Name, Node, executable::Operation, validation::Valid};
use async_graphql::Pos;
use metrics::{Counter, counter};
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};

use super::{RequestError, access::Requirements, response::positions};
use crate::promotions::OrgId;

/// How much memory cached documents may take, in bytes, by estimate.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// The memory that a parsed document takes for each byte of its text, at most. As measured, most take 25 to 35, and one
/// with nothing but the shortest fields 83.
const BYTES_PER_BYTE: u64 = 83;

/// How much memory the texts of automatic persisted queries may take, in bytes.
const REGISTERED_BYTES: u64 = 8 * 1024 * 1024;

/// The SHA-256 of a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DocumentHash([u8; 32]);

impl DocumentHash {
    /// The hash of a text.
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Parses 64 hexadecimal digits. `None`: they are not.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// A document that is valid, and what is known of its operations without their variables.
pub struct Document {
    executable: Valid<ExecutableDocument>,
    requirements: HashMap<Option<Name>, Requirements>,
}

impl Document {
    pub(super) fn new(executable: Valid<ExecutableDocument>) -> Self {
        let requirements = executable.operations.iter().map(|operation| {
            let requirements = Requirements::of(&executable, operation);
            (operation.name.clone(), requirements)
        });
        let requirements = requirements.collect();
        Self { executable, requirements }
    }

    /// Its text.
    pub(super) fn text(&self) -> &str {
        self.executable.sources.values().next().map_or("", |source| source.source_text())
    }

    /// The line and column of a byte of its text.
    pub(super) fn position(&self, offset: usize) -> Pos {
        positions(self.text(), &[offset]).first().copied().unwrap_or_default()
    }

    pub(super) const fn executable(&self) -> &Valid<ExecutableDocument> {
        &self.executable
    }

    /// The operation with this name, or the only one, and what it takes to execute it.
    pub(super) fn operation(&self, name: Option<&str>) -> Result<(&Node<Operation>, &Requirements), RequestError> {
        let missing = || {
            let message = match name {
                Some(_) => "The document has no operation with the name that operationName gives.",
                None => "The document has several operations. Name one with operationName.",
            };
            RequestError::invalid(message, None)
        };
        let operation = self.executable.operations.get(name).map_err(|_| missing())?;
        let requirements = self.requirements.get(&operation.name).ok_or_else(missing)?;
        Ok((operation, requirements))
    }
}

/// The documents that the server remembers.
pub struct Documents {
    parsed: Cache<String, Arc<Document>, Weight>,
    /// The automatic persisted queries of each organisation. One does not learn which documents another has sent.
    registered: Cache<(OrgId, DocumentHash), Arc<str>, Weight>,
    hits: Counter,
    misses: Counter,
}

/// What an entry of a cache takes, in bytes.
#[derive(Clone)]
struct Weight;

/// The memory that an entry takes beside the document, at most.
const ENTRY_BYTES: u64 = 1024;

impl Weighter<String, Arc<Document>> for Weight {
    fn weight(&self, text: &String, _: &Arc<Document>) -> u64 {
        ENTRY_BYTES + text.len() as u64 * BYTES_PER_BYTE
    }
}

impl Weighter<(OrgId, DocumentHash), Arc<str>> for Weight {
    fn weight(&self, _: &(OrgId, DocumentHash), text: &Arc<str>) -> u64 {
        ENTRY_BYTES + text.len() as u64
    }
}

impl Default for Documents {
    fn default() -> Self {
        let [hits, misses] = ["hit", "miss"].map(|cache| counter!("promolink_documents_total", "cache" => cache));
        let parsed = Cache::with_weighter(1_000, CACHE_BYTES, Weight);
        Self { parsed, registered: Cache::with_weighter(1_000, REGISTERED_BYTES, Weight), hits, misses }
    }
}

impl Documents {
    /// The document with this text; if it is not in the cache, the one that `validate` makes of the text.
    pub fn get_or_insert(
        &self,
        text: &str,
        validate: impl FnOnce(&str) -> Result<Document, RequestError>,
    ) -> Result<Arc<Document>, RequestError> {
        if let Some(document) = self.parsed.get(text) {
            self.hits.increment(1);
            return Ok(document);
        }
        self.misses.increment(1);
        let document = Arc::new(validate(text)?);
        self.parsed.insert(text.to_owned(), Arc::clone(&document));
        Ok(document)
    }

    /// Lets an organisation name a document by its hash from now on.
    pub fn register(&self, org: OrgId, hash: DocumentHash, text: &str) {
        self.registered.insert((org, hash), text.into());
    }

    /// The text that an organisation has registered. `None`: it has not, or it was long ago.
    pub fn registered(&self, org: OrgId, hash: DocumentHash) -> Option<Arc<str>> {
        self.registered.get(&(org, hash))
    }
}

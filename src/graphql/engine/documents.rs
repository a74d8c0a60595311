//! Documents that were parsed and validated, cached by the SHA-256 of their text.

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::{ExecutableDocument, Name, Node, executable::Operation, validation::Valid};
use async_graphql::Pos;
use metrics::{Counter, counter};
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};

use super::{RequestError, access::Requirements, response::positions};
use crate::promotions::OrgId;

/// How much memory cached documents may take, in bytes, by estimate.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// The memory that a parsed document takes for each byte of its text: measured, 20 to 45.
const BYTES_PER_BYTE: u64 = 40;

/// How many automatic persisted queries may be registered. Each takes some 100 bytes; the documents are in the cache.
const MAX_REGISTERED: usize = 50_000;

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

/// The cache of documents.
pub struct Documents {
    parsed: Cache<DocumentHash, Arc<Document>, Weight>,
    /// The automatic persisted queries of each organisation. One does not learn which documents another has sent.
    registered: Cache<(OrgId, DocumentHash), ()>,
    hits: Counter,
    misses: Counter,
}

#[derive(Clone)]
struct Weight;

impl Weighter<DocumentHash, Arc<Document>> for Weight {
    fn weight(&self, _: &DocumentHash, document: &Arc<Document>) -> u64 {
        1024 + document.text().len() as u64 * BYTES_PER_BYTE
    }
}

impl Default for Documents {
    fn default() -> Self {
        let [hits, misses] = ["hit", "miss"].map(|cache| counter!("promolink_documents_total", "cache" => cache));
        let parsed = Cache::with_weighter(1_000, CACHE_BYTES, Weight);
        Self { parsed, registered: Cache::new(MAX_REGISTERED), hits, misses }
    }
}

impl Documents {
    /// The document with this hash; if it is not cached, the one that `validate` makes.
    pub fn get_or_insert(
        &self,
        hash: DocumentHash,
        validate: impl FnOnce() -> Result<Document, RequestError>,
    ) -> Result<Arc<Document>, RequestError> {
        if let Some(document) = self.parsed.get(&hash) {
            self.hits.increment(1);
            return Ok(document);
        }
        self.misses.increment(1);
        let document = Arc::new(validate()?);
        self.parsed.insert(hash, Arc::clone(&document));
        Ok(document)
    }

    /// Lets an organisation name a document by its hash from now on.
    pub fn register(&self, org: OrgId, hash: DocumentHash) {
        self.registered.insert((org, hash), ());
    }

    /// The document that an organisation has registered. `None`: it has not, or the document is no longer cached.
    pub fn registered(&self, org: OrgId, hash: DocumentHash) -> Option<Arc<Document>> {
        self.registered.get(&(org, hash))?;
        let document = self.parsed.get(&hash)?;
        self.hits.increment(1);
        Some(document)
    }
}

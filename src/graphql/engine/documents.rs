//! Documents that were parsed and validated, and the texts of automatic persisted queries.

use std::{collections::HashMap, fmt::Write, sync::Arc};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema, executable::Operation, response::JsonMap, validation::Valid,
};
use async_graphql::{Pos, parser::types::OperationDefinition};
use metrics::{Counter, counter};
use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};

use super::{
    RequestError,
    access::Requirements,
    normalization::{self, count_fields},
    response::positions,
};
use crate::promotions::OrgId;

/// How much memory the cached documents of trusted callers may take, in bytes, by estimate.
pub const TRUSTED_BYTES: u64 = 32 * 1024 * 1024;

/// How much those of untrusted callers may take. They are smaller.
pub const UNTRUSTED_BYTES: u64 = 8 * 1024 * 1024;

/// The memory that a parsed document takes for each byte of its text, at most. As measured, most take 25 to 35, and one
/// with nothing but the shortest fields 83.
const BYTES_PER_BYTE: u64 = 83;

/// The memory that a field of a normalised operation takes, with its names and an argument.
const BYTES_PER_FIELD: u64 = 512;

/// A cache has a shard for each 32 items that are expected. Of two, each has room for the largest document that fits into
/// a request; of more, it would not.
const EXPECTED_ITEMS: usize = 64;

/// The part of this memory that the texts of automatic persisted queries may take beside it.
const REGISTERED_PART: u64 = 4;

/// The SHA-256 of a text, in lower-case hexadecimal digits.
pub fn sha256(text: &str) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A document that is valid, and what is known of its operations without their variables.
pub struct Document {
    text: Arc<str>,
    executable: Valid<ExecutableDocument>,
    operations: HashMap<Option<Name>, Known>,
}

/// What is known of an operation without its variables.
pub struct Known {
    pub requirements: Requirements,
    /// The normalised operation, if it is the same for all values of the variables but null: there is no condition.
    normalized: Option<OperationDefinition>,
}

impl Known {
    /// The normalised operation, if it is the one for these values.
    pub fn normalized(&self, operation: &Operation, values: &JsonMap) -> Option<&OperationDefinition> {
        let has_value = |name: &Name| values.get(name.as_str()).is_some_and(|value| !value.is_null());
        let normalized = self.normalized.as_ref()?;
        operation.variables.iter().all(|variable| has_value(&variable.name)).then_some(normalized)
    }
}

impl Document {
    pub(super) fn new(text: &str, executable: Valid<ExecutableDocument>, schema: &Valid<Schema>) -> Self {
        // Without an @ it has no directives.
        let is_conditional = text.contains('@');
        let operations = executable.operations.iter().map(|operation| {
            let normalize = || normalization::normalize(schema, &executable, operation, None).ok();
            let normalized = if is_conditional { None } else { normalize() };
            (operation.name.clone(), Known { requirements: Requirements::of(&executable, operation), normalized })
        });
        let operations = operations.collect();
        Self { text: text.into(), executable, operations }
    }

    /// The memory that it takes, in bytes, by estimate.
    fn weight(&self) -> u64 {
        let normalized = self.operations.values().filter_map(|known| known.normalized.as_ref());
        let fields: usize = normalized.map(|operation| count_fields(&operation.selection_set.node)).sum();
        self.text.len() as u64 * BYTES_PER_BYTE + fields as u64 * BYTES_PER_FIELD
    }

    /// Its text, as it was sent.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of a byte of its text.
    pub(super) fn position(&self, offset: usize) -> Pos {
        positions(self.text(), &[offset]).first().copied().unwrap_or_default()
    }

    pub(super) const fn executable(&self) -> &Valid<ExecutableDocument> {
        &self.executable
    }

    /// The operation with this name, or the only one, and what is known of it.
    pub(super) fn operation(&self, name: Option<&str>) -> Result<(&Node<Operation>, &Known), RequestError> {
        let missing = || {
            let message = match name {
                Some(_) => "The document has no operation with the name that operationName gives.",
                None => "The document has several operations. Name one with operationName.",
            };
            RequestError::invalid(message)
        };
        let operation = self.executable.operations.get(name).map_err(|_| missing())?;
        let known = self.operations.get(&operation.name).ok_or_else(missing)?;
        Ok((operation, known))
    }
}

/// The documents that the server remembers.
pub struct Documents {
    parsed: Cache<String, Arc<Document>, Weight>,
    /// The automatic persisted queries of each organisation. One does not learn which documents another has sent.
    registered: Cache<(OrgId, String), Arc<str>, Weight>,
    hits: Counter,
    misses: Counter,
}

/// What an entry of a cache takes, in bytes.
#[derive(Clone)]
struct Weight;

/// The memory that an entry takes beside the document, at most.
const ENTRY_BYTES: u64 = 1024;

impl Weighter<String, Arc<Document>> for Weight {
    fn weight(&self, _: &String, document: &Arc<Document>) -> u64 {
        ENTRY_BYTES + document.weight()
    }
}

impl Weighter<(OrgId, String), Arc<str>> for Weight {
    fn weight(&self, _: &(OrgId, String), text: &Arc<str>) -> u64 {
        ENTRY_BYTES + text.len() as u64
    }
}

impl Documents {
    /// Remembers documents of so many bytes, by estimate.
    pub fn new(bytes: u64) -> Self {
        let [hits, misses] = ["hit", "miss"].map(|cache| counter!("promolink_documents_total", "cache" => cache));
        let parsed = Cache::with_weighter(EXPECTED_ITEMS, bytes, Weight);
        let registered = Cache::with_weighter(EXPECTED_ITEMS, bytes / REGISTERED_PART, Weight);
        Self { parsed, registered, hits, misses }
    }

    /// Whether the document with this text is in the cache.
    pub fn contains(&self, text: &str) -> bool {
        self.parsed.contains_key(text)
    }

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
    pub fn register(&self, org: OrgId, hash: String, text: &str) {
        self.registered.insert((org, hash), text.into());
    }

    /// The text that an organisation has registered under a hash. `None` if the hash was never registered or was evicted.
    pub fn registered(&self, org: OrgId, hash: String) -> Option<Arc<str>> {
        self.registered.get(&(org, hash))
    }
}

//! The cache of valid documents, and of the texts of automatic persisted queries.

use std::sync::Arc;

use metrics::{Counter, counter};
use quick_cache::{Weighter, sync::Cache};

use super::{RequestError, document::Document};
use crate::promotions::OrgId;

/// The memory for the documents of trusted callers, in bytes, as estimated.
pub const TRUSTED_BYTES: u64 = 32 * 1024 * 1024;

/// The memory for the documents of untrusted callers, which are smaller.
pub const UNTRUSTED_BYTES: u64 = 8 * 1024 * 1024;

/// Sets the number of shards: the cache has one for every 32 items. With two, the largest document that fits into a request
/// also fits into a shard; with more, it would not.
const EXPECTED_ITEMS: usize = 64;

/// The texts of automatic persisted queries get this fraction of the documents' memory in addition: one fourth.
const REGISTERED_FRACTION: u64 = 4;

/// The most memory that an entry takes in addition to its document, in bytes.
const ENTRY_BYTES: u64 = 1024;

/// The documents of trusted or of untrusted callers.
pub struct DocumentCache {
    valid: Cache<String, Arc<Document>, Weight>,
    /// The automatic persisted queries of each organisation. An organisation must not learn which documents others send.
    registered: Cache<(OrgId, String), Arc<str>, Weight>,
    hits: Counter,
    misses: Counter,
}

/// Weighs an entry by the bytes that it takes.
#[derive(Clone)]
struct Weight;

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

impl DocumentCache {
    /// A cache for documents of this many bytes, as estimated.
    pub fn new(bytes: u64) -> Self {
        let [hits, misses] = ["hit", "miss"].map(|cache| counter!("promolink_documents_total", "cache" => cache));
        let valid = Cache::with_weighter(EXPECTED_ITEMS, bytes, Weight);
        let registered = Cache::with_weighter(EXPECTED_ITEMS, bytes / REGISTERED_FRACTION, Weight);
        Self { valid, registered, hits, misses }
    }

    /// Whether the document with this text is in the cache.
    pub fn contains(&self, text: &str) -> bool {
        self.valid.contains_key(text)
    }

    /// Returns the document with this text from the cache, or validates the text and caches the document.
    pub fn get_or_insert(
        &self,
        text: &str,
        validate: impl FnOnce(&str) -> Result<Document, RequestError>,
    ) -> Result<Arc<Document>, RequestError> {
        if let Some(document) = self.valid.get(text) {
            self.hits.increment(1);
            return Ok(document);
        }
        self.misses.increment(1);
        let document = Arc::new(validate(text)?);
        self.valid.insert(text.to_owned(), Arc::clone(&document));
        Ok(document)
    }

    /// Registers the text of an organisation's automatic persisted query.
    pub fn register(&self, org: OrgId, hash: String, text: &str) {
        self.registered.insert((org, hash), text.into());
    }

    /// The text that an organisation has registered under a hash. `None` if the hash was never registered or was evicted.
    pub fn registered(&self, org: OrgId, hash: String) -> Option<Arc<str>> {
        self.registered.get(&(org, hash))
    }
}

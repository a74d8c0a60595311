//! A request before and after its preparation.

use std::sync::Arc;

use apollo_compiler::{Node, executable::Operation, response::JsonMap};
use async_graphql::{Variables, parser::types::ExecutableDocument};

use super::document::Document;

/// The cost that counts as one operation against rate limits. It takes the server about 0.5 ms.
const COST_PER_POINT: usize = 500;

/// The values of variables, as a request sends them.
pub type VariableValues = JsonMap;

/// A GraphQL request.
pub struct GraphqlRequest {
    /// The document.
    pub document: DocumentSource,
    /// The name of the operation to execute. `None` if the document has only one.
    pub operation_name: Option<String>,
    /// The values of the variables, not yet coerced.
    pub variables: VariableValues,
    /// Whether mutations are rejected, as for GET requests.
    pub queries_only: bool,
}

/// How a request names its document.
pub enum DocumentSource {
    /// By its text.
    Text(String),
    /// By the id of a persisted document.
    Id(String),
    /// By its hash, as an automatic persisted query. The client sends the text too if the server did not know the hash.
    Hash {
        /// The SHA-256 of the text, as the client states it.
        hash: String,
        /// The text.
        text: Option<String>,
    },
}

/// An operation that is ready to be executed.
pub struct PreparedOperation {
    pub(super) document: Arc<Document>,
    pub(super) operation: Node<Operation>,
    pub(super) executable: ExecutableDocument,
    pub(super) variables: Variables,
    pub(super) cost: usize,
    pub(super) lookups: usize,
    pub(super) is_persisted: bool,
}

impl PreparedOperation {
    /// The cost of the operation: the number of values that it reads and returns if every page that it selects is full, plus
    /// ten for each lookup of an id or a page.
    #[must_use]
    pub const fn cost(&self) -> usize {
        self.cost
    }

    /// The points that the operation takes from a rate limit of operations: one for each 500 of its cost, and at least one.
    #[must_use]
    pub fn points(&self) -> u32 {
        u32::try_from(self.cost.div_ceil(COST_PER_POINT)).unwrap_or(u32::MAX).max(1)
    }

    /// The name of the operation. The limits of the document limit its length.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.operation.name.as_deref()
    }

    /// Whether the operation is a mutation.
    #[must_use]
    pub fn is_mutation(&self) -> bool {
        self.operation.is_mutation()
    }

    /// Whether the document is one of the persisted documents, even if the request sent its text.
    #[must_use]
    pub const fn is_persisted(&self) -> bool {
        self.is_persisted
    }
}

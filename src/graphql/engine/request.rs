//! Requests, as they arrive and when they are ready to be executed.

use std::sync::Arc;

use apollo_compiler::{Node, executable::Operation, response::JsonMap};
use async_graphql::{Variables, parser::types::ExecutableDocument};

use super::documents::Document;

/// The cost of what counts as one operation. It takes the server some 0.5 ms.
const COST_PER_POINT: usize = 500;

/// The values of variables as a request has them.
pub type VariableValues = JsonMap;

/// A GraphQL request.
pub struct Call {
    /// The document.
    pub document: DocumentSource,
    /// The name of the operation to execute, or `None` for the only one.
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
    /// By its hash, as an automatic persisted query. The text comes along if the server did not know the hash.
    Hash {
        /// The SHA-256 of the text, as the client states it.
        hash: String,
        /// The text.
        text: Option<String>,
    },
}

/// An operation that is ready to be executed.
pub struct Prepared {
    pub(super) document: Arc<Document>,
    pub(super) operation: Node<Operation>,
    pub(super) executable: ExecutableDocument,
    pub(super) variables: Variables,
    pub(super) cost: usize,
    pub(super) look_ups: usize,
    pub(super) is_persisted: bool,
}

impl Prepared {
    /// The cost of the operation: how many values it reads and returns if every page that it selects is full, with ten for
    /// each look-up by an id or a page.
    #[must_use]
    pub const fn cost(&self) -> usize {
        self.cost
    }

    /// What the operation counts as, where operations are limited: one for each 500 of its cost, and one at least.
    #[must_use]
    pub fn points(&self) -> u32 {
        u32::try_from(self.cost.div_ceil(COST_PER_POINT)).unwrap_or(u32::MAX).max(1)
    }

    /// The name of the operation, at most as long as a name in a document may be.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.operation.name.as_deref()
    }

    /// Whether the operation is a mutation.
    #[must_use]
    pub fn is_mutation(&self) -> bool {
        self.operation.is_mutation()
    }

    /// Whether the document is one of the persisted documents, by whatever it was named.
    #[must_use]
    pub const fn is_persisted(&self) -> bool {
        self.is_persisted
    }
}

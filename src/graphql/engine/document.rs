//! A valid document, with the analysis of its operations.

use std::{collections::HashMap, sync::Arc};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema, executable::Operation, response::JsonMap, validation::Valid,
};
use async_graphql::{Pos, parser::types::OperationDefinition};

use super::{
    RequestError,
    access_check::Requirements,
    normalized_operation::{self, count_fields},
    source_positions::positions,
};

/// The most memory that a parsed document takes for each byte of its text. As measured, most documents take 25 to 35, and one
/// that consists of the shortest fields takes 83.
const MEMORY_PER_TEXT_BYTE: u64 = 83;

/// The memory that a field of a normalised operation takes, with its names and an argument.
const MEMORY_PER_FIELD: u64 = 512;

/// A valid document.
pub struct Document {
    text: Arc<str>,
    executable: Valid<ExecutableDocument>,
    operations: HashMap<Option<Name>, OperationAnalysis>,
}

/// The analysis of an operation, which does not depend on the values of its variables.
pub struct OperationAnalysis {
    pub requirements: Requirements,
    /// The normalised operation, if no value of a variable except null changes it: it has no `@skip` or `@include`.
    normalized: Option<OperationDefinition>,
}

impl OperationAnalysis {
    /// The normalised operation, if it is valid for these values of the variables.
    pub fn normalized(&self, operation: &Operation, values: &JsonMap) -> Option<&OperationDefinition> {
        let has_value = |name: &Name| values.get(name.as_str()).is_some_and(|value| !value.is_null());
        let normalized = self.normalized.as_ref()?;
        operation.variables.iter().all(|variable| has_value(&variable.name)).then_some(normalized)
    }
}

impl Document {
    pub(super) fn new(text: &str, executable: Valid<ExecutableDocument>, schema: &Valid<Schema>) -> Self {
        // Without an @ there are no directives.
        let is_conditional = text.contains('@');
        let operations = executable.operations.iter().map(|operation| {
            let normalize = || normalized_operation::normalize(schema, &executable, operation, None).ok();
            let normalized = if is_conditional { None } else { normalize() };
            (
                operation.name.clone(),
                OperationAnalysis { requirements: Requirements::of(&executable, operation), normalized },
            )
        });
        let operations = operations.collect();
        Self { text: text.into(), executable, operations }
    }

    /// The memory that the document takes, in bytes, as estimated.
    pub(super) fn weight(&self) -> u64 {
        let normalized = self.operations.values().filter_map(|analysis| analysis.normalized.as_ref());
        let fields: usize = normalized.map(|operation| count_fields(&operation.selection_set.node)).sum();
        self.text.len() as u64 * MEMORY_PER_TEXT_BYTE + fields as u64 * MEMORY_PER_FIELD
    }

    /// The text, as it was sent.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The line and column of a byte of the text.
    pub(super) fn position(&self, offset: usize) -> Pos {
        positions(self.text(), &[offset]).first().copied().unwrap_or_default()
    }

    pub(super) const fn executable(&self) -> &Valid<ExecutableDocument> {
        &self.executable
    }

    /// The operation with this name, or the only operation, and its analysis.
    pub(super) fn operation(&self, name: Option<&str>) -> Result<(&Node<Operation>, &OperationAnalysis), RequestError> {
        let missing = || {
            RequestError::invalid(match name {
                Some(name) => {
                    format!(
                        "The document has no operation \"{name}\": set operationName to the name of one that it has."
                    )
                }
                None => "The document has several operations: set operationName to the name of one.".to_owned(),
            })
        };
        let operation = self.executable.operations.get(name).map_err(|_| missing())?;
        let analysis = self.operations.get(&operation.name).ok_or_else(missing)?;
        Ok((operation, analysis))
    }
}

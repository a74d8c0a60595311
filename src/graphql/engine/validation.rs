//! Validation of documents (GraphQL specification, September 2025, section 5).
//!
//! apollo-compiler validates documents, except for these rules, which are here:
//! - An input object must not repeat a field (5.6.3).
//! - A variable inside a list or an object must be defined (5.8.3), and its type must be permitted there (5.8.5).
//! - Fields with the same response key must have the same arguments (5.3.2). apollo-compiler compares two lists only up to the
//!   length of the shorter one.

mod values;

use apollo_compiler::{Schema, validation::Valid};

use self::values::ValueCheck;
use super::{
    RequestError, document::Document, document_limits::DocumentLimits, document_size, parsing::parse,
    selections::Selections, settings::IntrospectionDenied,
};

/// Parses and validates documents against a schema.
pub struct Validator<'a> {
    schema: &'a Valid<Schema>,
    limits: &'a DocumentLimits,
    no_introspection: Option<IntrospectionDenied>,
}

impl<'a> Validator<'a> {
    /// `no_introspection` is the reason why documents may not select introspection, or `None` if they may.
    pub const fn new(
        schema: &'a Valid<Schema>,
        limits: &'a DocumentLimits,
        no_introspection: Option<IntrospectionDenied>,
    ) -> Self {
        Self { schema, limits, no_introspection }
    }

    /// Parses a document within its limits and validates it.
    pub fn validate(&self, text: &str) -> Result<Document, RequestError> {
        let document = parse(text, self.limits)?;
        document_size::check(&document, self.limits)?;
        let executable = document.to_executable(self.schema);
        let executable = executable.map_err(|invalid| RequestError::diagnosed(&invalid.errors, text))?;
        for operation in executable.operations.iter() {
            // Before apollo-compiler, which reports every fault, and those of variables less clearly.
            if let Some((fault, location)) = ValueCheck::new(self, &executable, operation).fault() {
                let error = RequestError::invalid(fault.to_string());
                return Err(error.at(location.map(|location| location.offset()), text));
            }
            let selections = Selections { schema: self.schema, document: &executable, variables: None };
            if let Some(conflict) = selections.conflict(operation.object_type(), &[&operation.selection_set]) {
                let key = conflict.response_key();
                let message =
                    format!("The fields with the response key \"{key}\" differ: give each an alias of its own.");
                let offset = conflict.location().map(|location| location.offset());
                return Err(RequestError::invalid(message).at(offset, text));
            }
        }
        let executable = executable.validate(self.schema);
        let executable = executable.map_err(|invalid| RequestError::diagnosed(&invalid.errors, text))?;
        Ok(Document::new(text, executable, self.schema))
    }
}

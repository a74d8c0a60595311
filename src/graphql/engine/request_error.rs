//! Request errors (GraphQL specification, section 7.1.6): nothing is executed. Messages are short: they repeat names, and
//! of a variable the value that is wrong.

use apollo_compiler::{diagnostic::ToCliReport, validation::DiagnosticList};
use async_graphql::ServerError;

use super::response::positions;
use crate::graphql::error::{ErrorCode, request_error, shortened};

/// The most errors that are returned for one document. The next ones are returned once these are corrected.
const MAX_ERRORS: usize = 10;

/// Why a request is not executed.
#[derive(Debug)]
pub struct RequestError {
    /// The kind of reason, which decides on the HTTP status.
    pub kind: RequestErrorKind,
    /// The errors of the response.
    pub errors: Vec<ServerError>,
}

/// A kind of reason not to execute a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestErrorKind {
    /// The document or the variables are invalid or exceed a limit.
    Document,
    /// The credential's role does not permit the operation.
    Forbidden,
    /// It is a mutation, sent by GET.
    MutationByGet,
}

impl RequestError {
    pub(super) fn new(kind: RequestErrorKind, error: ServerError) -> Self {
        Self { kind, errors: vec![error] }
    }

    /// A document that can't be executed.
    pub(super) fn document(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(RequestErrorKind::Document, request_error(code, shortened(message.into())))
    }

    /// A document that has more of something than its limit permits.
    pub(super) fn limit_exceeded(limit: usize, what: &str) -> Self {
        Self::document(ErrorCode::LimitExceeded, format!("The document has more than {limit} {what}."))
    }

    /// A document that the schema does not permit.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::document(ErrorCode::GraphqlValidationFailed, message)
    }

    /// The faults that apollo-compiler has found in the document with this text.
    pub(super) fn diagnosed(faults: &DiagnosticList, text: &str) -> Self {
        let errors = faults.iter().take(MAX_ERRORS).flat_map(|fault| {
            let error = Self::invalid(sentence(&fault.error.to_string()));
            error.at(fault.error.location().map(|location| location.offset()), text).errors
        });
        Self { kind: RequestErrorKind::Document, errors: errors.collect() }
    }

    /// The answer to an automatic persisted query that has no text, in the words that Apollo's clients look for.
    pub(super) fn automatic_persisted_query(code: ErrorCode) -> Self {
        let message = match code {
            ErrorCode::PersistedQueryNotSupported => "PersistedQueryNotSupported",
            _ => "PersistedQueryNotFound",
        };
        Self::document(code, message)
    }

    /// Locates the error at a byte of the document's text.
    pub(super) fn at(mut self, offset: Option<usize>, text: &str) -> Self {
        if let (Some(error), Some(offset)) = (self.errors.first_mut(), offset) {
            error.locations = positions(text, &[offset]);
        }
        self
    }
}

/// A diagnostic of apollo-compiler as a sentence.
fn sentence(diagnostic: &str) -> String {
    let mut characters = diagnostic.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let sentence: String = first.chain(characters).collect();
    if sentence.ends_with('.') { sentence } else { sentence + "." }
}

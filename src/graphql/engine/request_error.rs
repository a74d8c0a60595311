//! Request errors (GraphQL specification, section 7.1.6): nothing is executed. Messages repeat names and the wrong value of a
//! variable, so their length is limited.

use apollo_compiler::{diagnostic::ToCliReport, validation::DiagnosticList};
use async_graphql::ServerError;

use super::source_positions::positions;
use crate::graphql::error::{ErrorCode, request_error, shortened};

/// The most errors that are returned for one document. Further errors are returned once these are corrected.
const MAX_ERRORS: usize = 10;

/// Why a request is not executed.
#[derive(Debug, thiserror::Error)]
#[error("{}", messages(errors))]
pub struct RequestError {
    /// The kind, which determines the HTTP status.
    pub kind: RequestErrorKind,
    /// The errors of the response.
    pub errors: Vec<ServerError>,
}

/// The kinds of request errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestErrorKind {
    /// The document or the variables are invalid or exceed a limit.
    Document,
    /// The credential's role does not permit the operation.
    Forbidden,
    /// The operation is a mutation, sent by GET.
    MutationByGet,
}

impl RequestError {
    pub(super) fn new(kind: RequestErrorKind, error: ServerError) -> Self {
        Self { kind, errors: vec![error] }
    }

    /// The error for a document or variables that can't be executed.
    pub(super) fn document(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(RequestErrorKind::Document, request_error(code, shortened(message.into())))
    }

    /// The error for a document that does not match the schema.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::document(ErrorCode::GraphqlValidationFailed, message)
    }

    /// The errors that apollo-compiler found in the document with this text.
    pub(super) fn diagnosed(diagnostics: &DiagnosticList, text: &str) -> Self {
        let errors = diagnostics.iter().take(MAX_ERRORS).flat_map(|diagnostic| {
            let error = Self::invalid(sentence(&diagnostic.error.to_string()));
            error.at(diagnostic.error.location().map(|location| location.offset()), text).errors
        });
        Self { kind: RequestErrorKind::Document, errors: errors.collect() }
    }

    /// The error for an automatic persisted query without text. Apollo's clients look for these messages.
    pub(super) fn automatic_persisted_query(code: ErrorCode) -> Self {
        let message = match code {
            ErrorCode::PersistedQueryNotSupported => "PersistedQueryNotSupported",
            _ => "PersistedQueryNotFound",
        };
        Self::document(code, message)
    }

    /// Adds the location: a byte of the document's text.
    pub(super) fn at(mut self, offset: Option<usize>, text: &str) -> Self {
        if let (Some(error), Some(offset)) = (self.errors.first_mut(), offset) {
            error.locations = positions(text, &[offset]);
        }
        self
    }
}

/// The messages of several errors, as one text.
fn messages(errors: &[ServerError]) -> String {
    errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join(" ")
}

/// A diagnostic of apollo-compiler as a sentence.
fn sentence(diagnostic: &str) -> String {
    let mut characters = diagnostic.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let sentence: String = first.chain(characters).collect();
    if sentence.ends_with('.') { sentence } else { sentence + "." }
}

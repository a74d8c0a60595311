//! Requests that are not executed, and what their senders are told: short, with the place, and with nothing of the
//! document but names.

use async_graphql::{Pos, ServerError, parser};

use super::{
    error::{ErrorCode, request_error},
    guard::Unfit,
};

/// The most errors of one document that are told. Whoever mends ten is told of the next.
const MAX_ERRORS: usize = 10;

/// The longest message, in characters: names of fields and types fit well.
const MAX_MESSAGE_CHARS: usize = 300;

/// A request that was not executed.
#[derive(Debug)]
pub struct Refused {
    /// What kind of reason there is.
    pub refusal: Refusal,
    /// The reasons.
    pub errors: Vec<ServerError>,
}

/// Why a request was not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its document, or its variables, are not sound, or ask for too much.
    Document,
    /// The credential does not allow it.
    Forbidden,
    /// It is a mutation, but came by GET.
    MutationByGet,
}

impl Refused {
    /// For this reason.
    pub(super) fn new(refusal: Refusal, error: ServerError) -> Self {
        Self { refusal, errors: vec![error] }
    }

    /// For a document that can't be executed.
    pub(super) fn document(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(Refusal::Document, request_error(code, message))
    }

    /// For a document that the schema does not allow.
    pub(super) fn invalid(mut errors: Vec<ServerError>) -> Self {
        errors.truncate(MAX_ERRORS);
        let marked = errors.into_iter().map(|error| {
            let mut marked = request_error(ErrorCode::GraphqlValidationFailed, shortened(error.message));
            marked.locations = error.locations.into_iter().filter(|position| *position != Pos::default()).collect();
            marked
        });
        Self { refusal: Refusal::Document, errors: marked.collect() }
    }
}

impl From<Unfit> for Refused {
    fn from(unfit: Unfit) -> Self {
        let (code, locations) = match &unfit {
            Unfit::Exceeded { .. } => (ErrorCode::LimitExceeded, Vec::new()),
            Unfit::Unterminated(position) => (ErrorCode::GraphqlParseFailed, vec![*position]),
            Unfit::Syntax(error) => (ErrorCode::GraphqlParseFailed, error.positions().collect()),
            Unfit::Ring => (ErrorCode::GraphqlValidationFailed, Vec::new()),
            Unfit::UnknownType(position) => (ErrorCode::GraphqlValidationFailed, vec![*position]),
        };
        let message = match unfit {
            // The library's message quotes the document. Its last line says what would have been right.
            Unfit::Syntax(parser::Error::Syntax { message, .. }) => {
                let expected = message.lines().rev().find_map(|line| line.trim().strip_prefix("= "));
                format!("Syntax error: {}.", expected.unwrap_or("the document can't be read"))
            }
            unfit => unfit.to_string(),
        };
        let mut error = request_error(code, shortened(message));
        error.locations = locations;
        Self::new(Refusal::Document, error)
    }
}

/// A message that is not too long.
pub fn shortened(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message,
    }
}

//! Parses documents within their limits.

mod tokens;

use apollo_compiler::{ast, diagnostic::ToCliReport, parser::Parser};

use super::{
    RequestError,
    document_limits::{Counted, DocumentLimits, LimitExceeded},
};
use crate::graphql::error::ErrorCode;

/// Parses a document. Limits its tokens and its nesting before it is in memory as a tree.
pub fn parse(text: &str, limits: &DocumentLimits) -> Result<ast::Document, RequestError> {
    let DocumentLimits { nesting, tokens, .. } = *limits;
    let (readable, fault) = tokens::check(text, tokens);
    let mut parser = Parser::new().recursion_limit(nesting).token_limit(tokens);
    let document = parser.parse_ast(readable, "document").map_err(|invalid| {
        if parser.tokens_reached() > tokens {
            return LimitExceeded::uncounted(Counted::Tokens, tokens).into();
        }
        if parser.recursion_reached() > nesting {
            return LimitExceeded::uncounted(Counted::Nesting, nesting).into();
        }
        // Further errors are mostly consequences of the first.
        let Some(first) = invalid.errors.iter().next() else { return syntax_error("the document can't be read") };
        let message = first.error.to_string();
        let offset = first.error.location().map(|location| location.offset());
        syntax_error(message.strip_prefix("syntax error: ").unwrap_or(&message)).at(offset, text)
    })?;
    match fault {
        Some((fault, offset)) => Err(syntax_error(&fault.to_string()).at(Some(offset), text)),
        None => Ok(document),
    }
}

/// The error for a text that is not a document.
fn syntax_error(message: &str) -> RequestError {
    RequestError::document(ErrorCode::GraphqlParseFailed, format!("Syntax error: {}.", message.trim_end_matches('.')))
}

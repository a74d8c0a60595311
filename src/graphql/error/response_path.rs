//! Errors on their way into the response: their paths, and what is masked or shortened.

use std::sync::Arc;

use async_graphql::{Context, Error, PathSegment, ServerError};

use super::internal;

/// The longest message, in characters: the names of fields and types fit.
const MAX_MESSAGE_CHARS: usize = 300;

/// The path of a field that failed, as the source of its error.
#[derive(Debug)]
struct ErrorPath(Vec<PathSegment>);

/// Notes the path of a field that fails below a list. Where a list's items are non-null, async-graphql cuts the path of an
/// error at each list that the error passes on its way up. [`restore_path`] corrects this.
pub fn place<E: Into<Error>>(ctx: &Context<'_>) -> impl Fn(E) -> Error {
    |error| {
        let path = ctx.set_error_path(ServerError::new("", None)).path;
        Error { source: Some(Arc::new(ErrorPath(path))), ..error.into() }
    }
}

/// Restores the path that [`place`] noted.
pub fn restore_path(error: &mut ServerError) {
    if let Some(ErrorPath(path)) = error.source::<ErrorPath>() {
        error.path = path.clone();
    }
}

/// Masks an error that no resolver made, which is unexpected: its message is logged, and the caller gets INTERNAL.
pub fn mask_uncoded(error: &mut ServerError) {
    if error.extensions.as_ref().is_none_or(|extensions| extensions.get("code").is_none()) {
        tracing::error!(error = %error.message, "request failed");
        let masked = internal();
        (error.message, error.extensions) = (masked.message, masked.extensions);
    }
}

/// Shortens a message that is too long.
pub fn shortened(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message,
    }
}

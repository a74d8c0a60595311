//! Encodes the result of an operation as JSON.

use async_graphql::{Response as Executed, Value};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::{Body, Bytes, to_bytes},
    response::{IntoResponse, Response},
};

use crate::graphql;

/// The largest response that is compressed, in bytes. Compressing it takes about 1 ms.
const MAX_COMPRESSED: usize = 64 * 1024;

/// Marks a response that is too large to compress: that would keep a thread busy for too long.
#[derive(Debug, Clone, Copy)]
pub struct TooLargeToCompress;

/// The encoded response to an operation that was executed.
pub struct Encoded {
    pub response: Response,
    /// The code of the first error.
    pub error: Option<String>,
    /// Whether every field failed because the server or its database is overloaded.
    pub is_busy: bool,
}

impl Encoded {
    /// Encodes a response. `body` makes its body from the bytes. Errors whose cause is in the log get the request's id.
    pub async fn new(mut executed: Executed, id: Option<&str>, body: impl FnOnce(Bytes) -> Body) -> Self {
        if let Some(id) = id {
            executed.errors.iter_mut().for_each(|error| graphql::name_request(error, id));
        }
        let error = executed.errors.first().and_then(graphql::code_of);
        let failed = !executed.errors.is_empty() && is_empty(&executed.data);
        let is_busy = failed && executed.errors.iter().all(graphql::is_overloaded);
        let (parts, whole) = GraphQLResponse::from(executed).into_response().into_parts();
        // The bytes are in memory already.
        let bytes = to_bytes(whole, usize::MAX).await.unwrap_or_default();
        let is_too_large = bytes.len() > MAX_COMPRESSED;
        let mut response = Response::from_parts(parts, body(bytes));
        if is_too_large {
            response.extensions_mut().insert(TooLargeToCompress);
        }
        Self { response, error, is_busy }
    }
}

/// Whether the data of a response has no value.
fn is_empty(data: &Value) -> bool {
    match data {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(|value| *value == Value::Null) && !fields.is_empty(),
        _ => false,
    }
}

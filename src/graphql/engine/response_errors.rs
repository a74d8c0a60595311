//! Completes the errors of an executed operation: masks unexpected ones, adds lines and columns, and sorts them in the order of
//! the document. If a field that must not be null fails, its sibling fields are cancelled, so which errors are reported can
//! vary.

use async_graphql::{PathSegment, Response, ServerError, Value};

use super::source_positions::positions;
use crate::graphql::error;

/// Completes the errors of the response to an operation in a document with this text.
pub fn complete(response: &mut Response, text: &str) {
    if response.errors.is_empty() {
        return;
    }
    let Response { errors, data, .. } = response;
    for error in errors.iter_mut() {
        error::mask_uncoded(error);
        error::restore_path(error);
    }
    // Each error has one location. It is still an offset, which sorts in the order of the document.
    errors.sort_by_cached_key(|error| (ranks(error, data), error.locations.first().copied(), error.message.clone()));
    let mut offsets: Vec<usize> =
        errors.iter().flat_map(|error| &error.locations).map(|location| location.column).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let positions = positions(text, &offsets);
    for location in errors.iter_mut().flat_map(|error| &mut error.locations) {
        *location = offsets.binary_search(&location.column).map_or(*location, |index| positions[index]);
    }
}

/// The position of an error in the response: the indexes of its keys and list items, up to the first null.
fn ranks(error: &ServerError, data: &Value) -> Vec<usize> {
    let mut value = Some(data);
    let ranks = error.path.iter().map_while(|segment| match (segment, value?) {
        (PathSegment::Field(key), Value::Object(fields)) => {
            let (rank, _, below) = fields.get_full(key.as_str())?;
            value = Some(below);
            Some(rank)
        }
        (PathSegment::Index(index), list) => {
            value = match list {
                Value::List(items) => items.get(*index),
                _ => None,
            };
            Some(*index)
        }
        (PathSegment::Field(_), _) => None,
    });
    ranks.collect()
}

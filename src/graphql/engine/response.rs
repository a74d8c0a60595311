//! Completes the errors of an executed operation: masks unexpected ones, places all in the document and sorts them in its
//! order. Which errors there are may vary where a field that must not be null fails: the fields beside it are given up.

use apollo_compiler::parser::SourceSpan;
use async_graphql::{PathSegment, Pos, Response, ServerError, Value};

use crate::graphql::error;

/// The place of a node while the operation is executed: the byte at which it begins, as the column. Only errors need
/// lines and columns, and few requests have errors.
pub fn offset(location: SourceSpan) -> Pos {
    Pos { line: 0, column: location.offset() }
}

/// Completes the errors of a response to an operation in a document with this text.
pub fn complete_errors(response: &mut Response, text: &str) {
    if response.errors.is_empty() {
        return;
    }
    let Response { errors, data, .. } = response;
    for error in errors.iter_mut() {
        error::mask_uncoded(error);
        error::restore_path(error);
    }
    // Each error has one location, and as long as it is an offset it gives the order of the document.
    errors.sort_by_cached_key(|error| (ranks(error, data), error.locations.first().copied(), error.message.clone()));
    let mut offsets: Vec<usize> = errors.iter().flat_map(|error| &error.locations).map(|place| place.column).collect();
    offsets.sort_unstable();
    offsets.dedup();
    let positions = positions(text, &offsets);
    for place in errors.iter_mut().flat_map(|error| &mut error.locations) {
        *place = offsets.binary_search(&place.column).map_or(*place, |index| positions[index]);
    }
}

/// Where an error is in the response: the positions of its keys and the indexes of its items, up to the first null.
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

/// The lines and columns of bytes of a text, which are in ascending order. A column counts characters, and both begin
/// with 1 (GraphQL specification, section 7.1.6).
pub fn positions(text: &str, offsets: &[usize]) -> Vec<Pos> {
    let (mut line, mut column, mut at) = (1, 1, 0);
    let mut positions = Vec::with_capacity(offsets.len());
    for offset in offsets {
        let mut after_return = at > 0 && text.as_bytes().get(at - 1) == Some(&b'\r');
        for character in text.get(at..*offset).unwrap_or_default().chars() {
            match character {
                // The second half of a line's end.
                '\n' if after_return => {}
                '\n' | '\r' => (line, column) = (line + 1, 1),
                _ => column += 1,
            }
            after_return = character == '\r';
        }
        at = *offset;
        positions.push(Pos { line, column });
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_the_specification_says() {
        let text = "{\r\n ä a\r  b\n\nc}";
        let offsets: Vec<_> = ["ä", "a", "b", "c"].iter().map(|name| text.find(name).unwrap()).collect();
        let expected = [(2, 2), (2, 4), (3, 3), (5, 1)].map(Pos::from);
        assert_eq!(positions(text, &offsets), expected);
        assert_eq!(positions(text, &[0, 2, 3]), [(1, 1), (2, 1), (2, 1)].map(Pos::from));
    }
}

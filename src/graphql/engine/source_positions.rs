//! Positions in the text of a document.

use apollo_compiler::parser::SourceSpan;
use async_graphql::Pos;

/// The position of a node during execution: its byte offset, as the column. Only errors need lines and columns, and few
/// requests have errors.
pub fn offset_position(location: SourceSpan) -> Pos {
    Pos { line: 0, column: location.offset() }
}

/// The lines and columns of these bytes of a text. The offsets must be in ascending order. Lines and columns begin with 1, and
/// columns count characters (GraphQL specification, section 7.1.6).
pub fn positions(text: &str, offsets: &[usize]) -> Vec<Pos> {
    let (mut line, mut column, mut at) = (1, 1, 0);
    let mut positions = Vec::with_capacity(offsets.len());
    for offset in offsets {
        let mut after_return = at > 0 && text.as_bytes().get(at - 1) == Some(&b'\r');
        for character in text.get(at..*offset).unwrap_or_default().chars() {
            match character {
                // The second half of \r\n.
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
    fn lines_and_columns_follow_the_specification() {
        let text = "{\r\n ä a\r  b\n\nc}";
        let offsets: Vec<_> = ["ä", "a", "b", "c"].iter().map(|name| text.find(name).unwrap()).collect();
        let expected = [(2, 2), (2, 4), (3, 3), (5, 1)].map(Pos::from);
        assert_eq!(positions(text, &offsets), expected);
        assert_eq!(positions(text, &[0, 2, 3]), [(1, 1), (2, 1), (2, 1)].map(Pos::from));
    }
}

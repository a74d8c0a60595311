//! The text of a document, before the parser: how deep its brackets nest, and how many tokens it has. What is a string, a
//! block string or a comment here must be that for the parser too, or brackets could hide in it.

use async_graphql::Pos;

use super::{DocumentLimits, Unfit};

/// What was counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Brackets of all kinds within each other.
    pub nesting: usize,
    /// Tokens: never fewer than the parser makes.
    pub tokens: usize,
}

/// Looks at the text once, from its beginning to its end.
pub fn scan(text: &str, limits: &DocumentLimits) -> Result<Scanned, Unfit> {
    let mut scanned = Scanned::default();
    let mut open = 0_usize;
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let (length, tokens) = match first {
            // What is not ASCII is the byte order mark, which the parser skips, or it is an error there.
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x80.. => (1, 0),
            b'#' => (run(rest, |byte| !is_line_end(byte)), 0),
            b'"' => (string(rest).ok_or_else(|| Unfit::Unterminated(position(text, rest)))?, 1),
            b'{' | b'[' | b'(' => {
                open += 1;
                scanned.nesting = scanned.nesting.max(open);
                (1, 1)
            }
            b'}' | b']' | b')' => {
                // One too many is an error in the parser.
                open = open.saturating_sub(1);
                (1, 1)
            }
            b'.' => (if after.starts_with(b"..") { 3 } else { 1 }, 1),
            // The parser takes 00 for two numbers: no digit follows a 0, unless it is after a point.
            b'0' => (1, 1),
            byte if is_word(byte) => {
                let length = run(rest, is_word);
                Unfit::above(limits.name, length, "bytes in one name or number")?;
                (length, words(&rest[..length]))
            }
            _ => (1, 1),
        };
        scanned.tokens += tokens;
        Unfit::above(limits.tokens, scanned.tokens, "tokens")?;
        Unfit::above(limits.nesting, scanned.nesting, "levels of brackets")?;
        rest = &rest[length..];
    }
    Ok(scanned)
}

/// How many bytes from the first on are such.
fn run(bytes: &[u8], is_such: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !is_such(*byte)).unwrap_or(bytes.len())
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// How many tokens the parser may make of a name or number. It takes `nullnull` for two values.
fn words(word: &[u8]) -> usize {
    const VALUES: [&[u8]; 3] = [b"true", b"false", b"null"];
    if VALUES.iter().any(|value| word.starts_with(value)) { word.len().div_ceil(4) } else { 1 }
}

/// How long the string or block string at the beginning is, with its quotes. `None`: it does not end.
///
/// Where a block string does not end the parser goes back, and takes its first two quotes for an empty string and the
/// third for the beginning of another. The specification does not: it ends no string, and the document is an error.
fn string(bytes: &[u8]) -> Option<usize> {
    const BLOCK: &[u8] = b"\"\"\"";
    const ESCAPED_BLOCK: &[u8] = b"\\\"\"\"";
    let is_block = bytes.starts_with(BLOCK);
    let mut at = if is_block { BLOCK.len() } else { 1 };
    loop {
        let rest = &bytes[at..];
        match *rest.first()? {
            b'\\' if is_block => at += if rest.starts_with(ESCAPED_BLOCK) { ESCAPED_BLOCK.len() } else { 1 },
            b'"' if is_block && rest.starts_with(BLOCK) => return Some(at + BLOCK.len()),
            _ if is_block => at += 1,
            b'"' => return Some(at + 1),
            b'\\' if rest.len() > 1 && !is_line_end(rest[1]) => at += 2,
            byte if is_line_end(byte) || byte == b'\\' => return None,
            _ => at += 1,
        }
    }
}

/// The line and column at which the rest of a text begins.
fn position(text: &str, rest: &[u8]) -> Pos {
    let before = &text[..text.len() - rest.len()];
    let line_start = before.rfind(['\r', '\n']).map_or(0, |end| end + 1);
    let lines = before.replace("\r\n", "\n").matches(['\r', '\n']).count();
    Pos { line: lines + 1, column: before[line_start..].chars().count() + 1 }
}

//! The tokens of a document, before it is parsed. apollo-parser differs from the grammar of the GraphQL specification
//! (September 2025, section 2):
//! - It rejects a comma between an alias and its colon and behind `...`, and descriptions of operations, fragments and
//!   variables. These mean nothing to execution, so here they become blanks.
//! - It ignores an argument or input field that has a name but no value, and accepts a line terminator at the beginning of
//!   a string. Here these are errors.

use std::{borrow::Cow, ops::Range};

use apollo_parser::{Lexer, Token, TokenKind};

/// A fault of a text.
pub struct Fault {
    pub message: String,
    /// The byte at which it is.
    pub offset: usize,
}

/// What a bracket that is open encloses.
#[derive(Clone, Copy)]
struct Open {
    /// Names that have a colon behind them: those of arguments and input fields.
    names: bool,
    /// Whether it is inside parentheses, where a brace begins an object and not a selection set.
    in_parentheses: bool,
}

/// Checks the tokens of a text, as far as the parser would read it. Returns a text that apollo-parser reads as the grammar
/// says, with unchanged byte offsets, and the first fault that it misses, which is one only if it accepts the text.
pub fn check(text: &str, max_tokens: usize) -> (Cow<'_, str>, Option<Fault>) {
    let (mut blanks, mut fault) = (Vec::new(), None);
    let mut open: Vec<Open> = Vec::new();
    let mut before = TokenKind::Eof;
    // The parser reports what is not a token.
    let tokens = Lexer::new(text).with_limit(max_tokens).map_while(Result::ok);
    let mut tokens = tokens.filter(|token| is_significant(token)).peekable();
    while let Some(token) = tokens.next() {
        let kind = token.kind();
        if kind == TokenKind::Comma {
            blanks.push(range(&token));
            continue;
        }
        while let Some(comma) = tokens.next_if(|token| token.kind() == TokenKind::Comma) {
            blanks.push(range(&comma));
        }
        let next = tokens.peek();
        let is_value = matches!(before, TokenKind::Colon | TokenKind::Eq);
        let in_parentheses = open.last().is_some_and(|open| open.in_parentheses);
        match kind {
            TokenKind::LParen => open.push(Open { names: true, in_parentheses: true }),
            TokenKind::LBracket => open.push(Open { names: false, in_parentheses }),
            TokenKind::LCurly => open.push(Open { names: in_parentheses, in_parentheses }),
            TokenKind::RParen | TokenKind::RBracket | TokenKind::RCurly => drop(open.pop()),
            TokenKind::StringValue if !token.data().starts_with("\"\"\"") && token.data().contains(['\r', '\n']) => {
                let message = "a string does not end".to_owned();
                fault.get_or_insert(Fault { message, offset: token.index() });
            }
            TokenKind::StringValue if next.is_some_and(|next| is_description(before, next, &open)) => {
                blanks.push(range(&token));
            }
            TokenKind::Name
                if open.last().is_some_and(|open| open.names)
                    && !is_value
                    && !matches!(before, TokenKind::Dollar | TokenKind::At)
                    && next.is_none_or(|next| next.kind() != TokenKind::Colon) =>
            {
                let message = format!("the argument or input field \"{}\" has no value", token.data());
                fault.get_or_insert(Fault { message, offset: token.index() });
            }
            _ => {}
        }
        before = kind;
    }
    (blanked(text, &blanks), fault)
}

fn is_significant(token: &Token<'_>) -> bool {
    !matches!(token.kind(), TokenKind::Whitespace | TokenKind::Comment)
}

/// Whether a string between two tokens describes the definition that begins with the second.
fn is_description(before: TokenKind, next: &Token<'_>, open: &[Open]) -> bool {
    match (before, next.kind(), open) {
        (TokenKind::Eof | TokenKind::RCurly, TokenKind::Name, []) => {
            ["query", "mutation", "subscription", "fragment"].contains(&next.data())
        }
        // The definition of a variable.
        (before, TokenKind::Dollar, [_]) => !matches!(before, TokenKind::Colon | TokenKind::Eq),
        _ => false,
    }
}

fn range(token: &Token<'_>) -> Range<usize> {
    token.index()..token.index() + token.data().len()
}

/// The text with blanks in these places. Lines stay as they are.
fn blanked<'a>(text: &'a str, blanks: &[Range<usize>]) -> Cow<'a, str> {
    if blanks.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for byte in blanks.iter().flat_map(Clone::clone) {
        if !matches!(bytes[byte], b'\r' | b'\n') {
            bytes[byte] = b' ';
        }
    }
    // Whole tokens were replaced, so that it is UTF-8 as before.
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

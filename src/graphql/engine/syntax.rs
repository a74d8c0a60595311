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

/// Checks the tokens of a text, as far as the parser would read it. Returns a text that apollo-parser reads as the grammar
/// says, with all bytes in their places.
pub fn check(text: &str, max_tokens: usize) -> Result<Cow<'_, str>, Fault> {
    let mut blanks = Vec::new();
    // For each open bracket, whether a name inside it has a colon behind it: that of an argument or input field.
    let mut open = Vec::new();
    let mut before = TokenKind::Eof;
    let mut tokens = Lexer::new(text).with_limit(max_tokens).flatten().filter(|token| is_significant(token)).peekable();
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
        match kind {
            TokenKind::LParen => open.push(true),
            TokenKind::LBracket => open.push(false),
            // Inside parentheses it is an object, elsewhere a selection set.
            TokenKind::LCurly => open.push(open.contains(&true)),
            TokenKind::RParen | TokenKind::RBracket | TokenKind::RCurly => drop(open.pop()),
            TokenKind::StringValue if !token.data().starts_with("\"\"\"") && token.data().contains(['\r', '\n']) => {
                return Err(Fault { message: "a string does not end".to_owned(), offset: token.index() });
            }
            TokenKind::StringValue if !is_value && next.is_some_and(|next| is_described(next, &open)) => {
                blanks.push(range(&token));
            }
            TokenKind::Name
                if open.last() == Some(&true)
                    && !is_value
                    && !matches!(before, TokenKind::Dollar | TokenKind::At)
                    && next.is_none_or(|next| next.kind() != TokenKind::Colon) =>
            {
                let message = format!("the argument or input field \"{}\" has no value", token.data());
                return Err(Fault { message, offset: token.index() });
            }
            _ => {}
        }
        before = kind;
    }
    Ok(blanked(text, &blanks))
}

fn is_significant(token: &Token<'_>) -> bool {
    !matches!(token.kind(), TokenKind::Whitespace | TokenKind::Comment)
}

/// Whether a token begins what a string before it can be the description of.
fn is_described(token: &Token<'_>, open: &[bool]) -> bool {
    match (token.kind(), open) {
        (TokenKind::Name, []) => ["query", "mutation", "subscription", "fragment"].contains(&token.data()),
        // The definition of a variable.
        (TokenKind::Dollar, [true]) => true,
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

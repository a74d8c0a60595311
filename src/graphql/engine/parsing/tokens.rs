//! Checks the tokens of a document before it is parsed, where apollo-parser differs from the grammar of the GraphQL
//! specification (September 2025, section 2):
//! - It rejects a comma between an alias and its colon and after `...`, and descriptions of operations, fragments and
//!   variables. They have no effect on execution, so this module replaces them by blanks.
//! - It ignores an argument or input field without a value, and accepts a line terminator at the beginning of a string. This
//!   module reports them.

use std::{borrow::Cow, ops::Range};

use apollo_parser::{Lexer, Token, TokenKind};

/// A syntax error that apollo-parser accepts.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    #[error("a string does not end")]
    UnterminatedString,
    #[error("the argument or input field \"{0}\" has no value")]
    MissingValue(String),
}

/// The contents of an open bracket.
#[derive(Clone, Copy)]
struct Bracket {
    /// Whether names are followed by a colon, as those of arguments and input fields are.
    has_values: bool,
    /// Whether it is inside parentheses, where a brace begins an object and not a selection set.
    in_parentheses: bool,
}

/// Checks the tokens of a text up to the limit. Returns a text that apollo-parser reads according to the grammar, with the
/// same byte offsets, and the first fault that it misses, with its byte offset. The fault counts only if the parser accepts
/// the text.
pub fn check(text: &str, max_tokens: usize) -> (Cow<'_, str>, Option<(TokenFault, usize)>) {
    let (mut blanks, mut fault) = (Vec::new(), None);
    let mut open: Vec<Bracket> = Vec::new();
    let mut before = TokenKind::Eof;
    // The parser reports invalid tokens.
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
        let in_parentheses = open.last().is_some_and(|bracket| bracket.in_parentheses);
        match kind {
            TokenKind::LParen => open.push(Bracket { has_values: true, in_parentheses: true }),
            TokenKind::LBracket => open.push(Bracket { has_values: false, in_parentheses }),
            TokenKind::LCurly => open.push(Bracket { has_values: in_parentheses, in_parentheses }),
            TokenKind::RParen | TokenKind::RBracket | TokenKind::RCurly => drop(open.pop()),
            TokenKind::StringValue if !token.data().starts_with("\"\"\"") && token.data().contains(['\r', '\n']) => {
                fault.get_or_insert((TokenFault::UnterminatedString, token.index()));
            }
            TokenKind::StringValue if next.is_some_and(|next| is_description(before, next, &open)) => {
                blanks.push(range(&token));
            }
            TokenKind::Name
                if open.last().is_some_and(|bracket| bracket.has_values)
                    && !is_value
                    && !matches!(before, TokenKind::Dollar | TokenKind::At)
                    && next.is_none_or(|next| next.kind() != TokenKind::Colon) =>
            {
                fault.get_or_insert_with(|| (TokenFault::MissingValue(token.data().to_owned()), token.index()));
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
fn is_description(before: TokenKind, next: &Token<'_>, open: &[Bracket]) -> bool {
    match (before, next.kind(), open) {
        (TokenKind::Eof | TokenKind::RCurly, TokenKind::Name, []) => {
            ["query", "mutation", "subscription", "fragment"].contains(&next.data())
        }
        // Definitions of variables.
        (before, TokenKind::Dollar, [_]) => !matches!(before, TokenKind::Colon | TokenKind::Eq),
        _ => false,
    }
}

fn range(token: &Token<'_>) -> Range<usize> {
    token.index()..token.index() + token.data().len()
}

/// Replaces these ranges by blanks, except for line terminators.
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
    // Only whole tokens were replaced, so this is still UTF-8.
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

//! The texts and URLs of offers.

use url::Url;

use super::{InvalidContent, invalid};
use crate::promotions::visibility::{Invisible, check_visible};

/// The longest URL, in characters after normalisation. Browsers and servers commonly accept this length.
const MAX_URL_CHARS: usize = 2_048;

/// The beginning of URLs.
const SCHEME: &str = "https://";

/// Checks a text, without the white space around it.
pub fn parse_text(
    text: &str,
    field: &str,
    max: usize,
    check: fn(&str) -> Result<(), Invisible>,
) -> Result<String, InvalidContent> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > max {
        return Err(invalid(field, format_args!("must have 1 to {max} characters")));
    }
    check(text).map_err(|reason| invalid(field, invisible(reason)))?;
    Ok(text.to_owned())
}

/// Checks a text of several lines.
pub fn check_lines(text: &str) -> Result<(), Invisible> {
    text.split('\n').try_for_each(|line| check_visible(&without_typography(line.strip_suffix('\r').unwrap_or(line))))
}

/// Removes what texts may have, but neither codes nor names: tabs, soft hyphens, the marks of a direction, and the parts of emoji
/// for keys and flags. Overrides and isolates of a direction stay, and are rejected.
fn without_typography(line: &str) -> String {
    let mut before = ' ';
    let is_kept = |character: &char| {
        let is_part = match character {
            '\t' | '\u{ad}' | '\u{200e}' | '\u{200f}' => true,
            '\u{fe0f}' => before.is_ascii_digit() || matches!(before, '#' | '*'),
            '\u{e0020}'..='\u{e007f}' => before == '\u{1f3f4}',
            _ => false,
        };
        // A flag has several tags.
        if !is_part {
            before = *character;
        }
        !is_part
    };
    line.chars().filter(is_kept).collect()
}

/// The reason for rejecting an invisible character.
pub fn invisible(reason: Invisible) -> String {
    format!("must not contain {reason}")
}

/// Parses and normalises an address that browsers open.
pub fn parse_url(text: &str, field: &str) -> Result<String, InvalidContent> {
    let text = text.trim();
    // The parser would accept other beginnings, and remove line breaks and tabs.
    let rest =
        text.get(..SCHEME.len()).filter(|start| start.eq_ignore_ascii_case(SCHEME)).map(|_| &text[SCHEME.len()..]);
    let is_plain = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']))
        && !text.chars().any(|character| character.is_whitespace() || character.is_control());
    let url = Url::parse(text).ok().filter(|url| is_plain && url.has_host());
    let url = url.ok_or_else(|| invalid(field, "must be a URL that begins with https://, without white space"))?;
    if rest.is_some_and(|rest| rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))) {
        return Err(invalid(field, "must not contain a user name or a password"));
    }
    if url.as_str().len() > MAX_URL_CHARS {
        return Err(invalid(
            field,
            format_args!("must have at most {MAX_URL_CHARS} characters, after percent-encoding"),
        ));
    }
    Ok(url.into())
}

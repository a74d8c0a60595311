//! Which characters new codes and names can have: those that people can see and read.

use std::fmt;

use icu_properties::{
    CodePointMapData,
    props::{GeneralCategory, GeneralCategoryGroup},
};

use super::folding::is_ignorable;

/// A character that people can't see or read in a text that they type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct Invisible(char);

impl fmt::Display for Invisible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if is_control(self.0) || is_ignorable(self.0) {
            "an invisible or control character"
        } else if is_mark(self.0) {
            "a combining mark without a character before it"
        } else if has_no_meaning(self.0) {
            "a private or unassigned character"
        } else {
            "an invisible character"
        };
        write!(f, "U+{:04X}, {kind}", u32::from(self.0))
    }
}

/// Rejects control characters, line and paragraph separators, interlinear annotation marks, and Unicode's default ignorable
/// characters, such as zero-width spaces, byte order marks, soft hyphens and bidirectional controls. Rejects also other
/// characters without ink, private and unassigned ones (among these, noncharacters), and combining marks at the start or
/// after a blank.
///
/// Permits joiners and variation selectors after a character that is not ASCII: emoji, Persian and Indic scripts need them.
pub fn check_visible(text: &str) -> Result<(), Invisible> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    let mut before = ' ';
    let invisible = text.chars().find(|&character| {
        let shapes = is_joiner_or_selector(character) && !before.is_ascii();
        let is_detached = before.is_whitespace() && is_mark(character);
        before = character;
        let is_invisible = is_control(character) || is_ignorable(character) || is_blank(character);
        !shapes && (is_invisible || is_detached || has_no_meaning(character))
    });
    invisible.map_or(Ok(()), |character| Err(Invisible(character)))
}

/// Rejects control characters. No code has ever contained one.
pub fn check_no_control(text: &str) -> Result<(), Invisible> {
    text.chars().find(|character| character.is_control()).map_or(Ok(()), |character| Err(Invisible(character)))
}

fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// Whether a character leaves a gap without being white space: the braille pattern blank, the object replacement character,
/// blank hieroglyphs and the null notehead.
fn is_blank(character: char) -> bool {
    matches!(character, '\u{2800}' | '\u{fffc}' | '\u{13441}' | '\u{13442}' | '\u{1d159}')
}

fn is_mark(character: char) -> bool {
    GeneralCategoryGroup::Mark.contains(category(character))
}

/// Whether fonts and programs don't agree on a character: it is for private use, or not assigned by Unicode.
fn has_no_meaning(character: char) -> bool {
    matches!(category(character), GeneralCategory::PrivateUse | GeneralCategory::Unassigned)
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

fn is_joiner_or_selector(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_rejected_by_code_point() {
        let rejected = |text: &str| check_visible(text).unwrap_err().to_string();
        for (text, number) in [
            ("\u{200b}", "U+200B,"),
            ("A\u{202e}B", "U+202E,"),
            ("\u{feff}code", "U+FEFF,"),
            ("SA\u{ad}VE", "U+00AD,"),
            ("SAVE\u{2060}", "U+2060,"),
            ("SAVE\u{200d}20", "U+200D,"),
            ("A\0", "U+0000,"),
            ("A\u{2028}B", "U+2028,"),
            ("A\u{e0041}", "U+E0041,"),
            ("\u{2800}", "U+2800, an invisible character"),
            ("SA\u{2800}VE", "U+2800, an invisible character"),
            ("SAVE\u{fffc}", "U+FFFC, an invisible character"),
            ("\u{301}SAVE", "U+0301, a combining mark without a character before it"),
            ("SAVE \u{93e}", "U+093E, a combining mark without a character before it"),
            ("\u{20dd}", "U+20DD, a combining mark without a character before it"),
            ("SAVE\u{e000}", "U+E000, a private or unassigned character"),
            ("\u{10fffd}", "U+10FFFD, a private or unassigned character"),
            ("SAVE\u{fdd0}", "U+FDD0, a private or unassigned character"),
            ("\u{1ffff}", "U+1FFFF, a private or unassigned character"),
            ("SAVE\u{378}", "U+0378, a private or unassigned character"),
        ] {
            assert!(rejected(text).starts_with(number), "{}", rejected(text));
        }
        for text in [
            "SAVE 20",
            "CAFE\u{301}",
            "\u{928}\u{93f}",
            "\u{2801}",
            "1\u{20e3}",
            "\u{20ac}20",
            "\u{2764}\u{fe0f}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}",
            "\u{1f469}\u{200d}\u{1f680}",
        ] {
            assert_eq!(check_visible(text), Ok(()));
        }
    }
}

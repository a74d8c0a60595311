//! Promotion codes: how spellings are parsed and compared, and the data of an issued code.

use super::{
    campaign::PromotionMode,
    folding::{fold, strip_ignorable},
    ids::{CampaignId, OrgId},
    time::Timestamp,
    visibility::{Invisible, check_no_control, check_visible},
};

/// The longest code, in characters after trimming.
pub const MAX_CODE_CHARS: usize = 64;

/// Why a string is not a promotion code. The messages follow the name of a field: "code must not be empty".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_CODE_CHARS`] characters.
    #[error("must have at most {MAX_CODE_CHARS} characters")]
    TooLong,
    /// A control character, such as a line break, or in a new code any that people can't see or read.
    #[error("must not contain {0}")]
    Invisible(#[from] Invisible),
}

/// One spelling of a promotion code, with the folded form by which spellings are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    text: String,
    folded: FoldedCode,
}

impl Code {
    /// Parses a spelling of a code to look up. Drops invisible characters that comparisons ignore, such as a zero-width space
    /// that was copied along.
    pub fn parse(spelling: &str) -> Result<Self, InvalidCode> {
        let visible = strip_ignorable(spelling);
        check_no_control(visible.trim())?;
        Self::bounded(visible.trim())
    }

    /// Parses a code to issue. Rejects characters that people can't see or read.
    pub fn parse_new(text: &str) -> Result<Self, InvalidCode> {
        check_visible(text.trim())?;
        Self::bounded(text.trim())
    }

    fn bounded(text: &str) -> Result<Self, InvalidCode> {
        if text.chars().nth(MAX_CODE_CHARS).is_some() {
            return Err(InvalidCode::TooLong);
        }
        let folded = FoldedCode(fold(text));
        // The text may consist of ignored characters only.
        if folded.0.is_empty() {
            return Err(InvalidCode::Empty);
        }
        Ok(Self { text: text.to_owned(), folded })
    }

    /// The code as it was spelled, trimmed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The form that all spellings of the code share.
    #[must_use]
    pub const fn folded(&self) -> &FoldedCode {
        &self.folded
    }

    /// The folded form, owned.
    #[must_use]
    pub fn into_folded(self) -> FoldedCode {
        self.folded
    }

    /// A code read from the store. It was parsed before it was written.
    pub(crate) const fn from_stored(text: String, folded: String) -> Self {
        Self { text, folded: FoldedCode(folded) }
    }
}

/// The folded form that all spellings of a code share. Ordered by its bytes, in every database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FoldedCode(String);

impl FoldedCode {
    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folded text, owned.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    /// A folded text read from the store.
    pub(crate) const fn from_stored(folded: String) -> Self {
        Self(folded)
    }
}

/// Identifies a code: no two codes of an organisation share mode and folded text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeKey {
    /// The tenant that issued the code.
    pub org: OrgId,
    /// What the code is for.
    pub mode: PromotionMode,
    /// The code.
    pub folded: FoldedCode,
}

/// An issued code, linked or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionCode {
    /// The tenant.
    pub org: OrgId,
    /// The campaign's mode.
    pub mode: PromotionMode,
    /// The code as it was issued.
    pub code: Code,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// When it was issued.
    pub created_on: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_on: Option<Timestamp>,
    /// The number of customers that may hold it at the same time; `None` for no limit.
    pub max_links: Option<u32>,
    /// The number of holds that count against that: the current ones, and unlinked ones that were redeemed.
    pub link_count: u32,
}

impl PromotionCode {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> CodeKey {
        CodeKey { org: self.org, mode: self.mode, folded: self.code.folded().clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_codes_are_rejected() {
        for parse in [Code::parse, Code::parse_new] {
            assert_eq!(parse(" \t "), Err(InvalidCode::Empty));
            assert!(matches!(parse("A\u{0}B"), Err(InvalidCode::Invisible(_))));
            assert!(matches!(parse("A\nB"), Err(InvalidCode::Invisible(_))));
            assert_eq!(parse(&"x".repeat(65)), Err(InvalidCode::TooLong));
            assert!(parse(&"é".repeat(64)).is_ok());
        }
    }

    #[test]
    fn invisible_characters_are_dropped_from_a_spelling_and_rejected_in_a_new_code() {
        let spelling = format!("\u{feff} {}\u{200b}", "x".repeat(64));
        assert_eq!(Code::parse(&spelling).unwrap().text(), "x".repeat(64));
        assert!(matches!(Code::parse_new(&spelling), Err(InvalidCode::Invisible(_))));
        assert_eq!(Code::parse("\u{200b}"), Err(InvalidCode::Empty));
        // Found if they exist, but not issued.
        for spelling in ["A\u{2800}B", "\u{301}A", "A\u{e000}", "A\u{378}"] {
            assert_eq!(Code::parse(spelling).unwrap().text(), spelling);
            assert!(matches!(Code::parse_new(spelling), Err(InvalidCode::Invisible(_))));
        }
        // A heart as phones write it keeps its variation selector.
        let heart = Code::parse_new("\u{2764}\u{fe0f}20").unwrap();
        assert_eq!(heart.text(), "\u{2764}\u{fe0f}20");
        assert_eq!(heart.folded(), Code::parse("\u{2764}20").unwrap().folded());
    }
}

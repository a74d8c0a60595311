//! Promotion codes: how a spelling is read, and what is known of a code.

use super::{
    campaign::PromotionMode,
    folding::{Invisible, all_visible, fold, no_control, without_ignorable},
    ids::{CampaignId, OrgId},
    time::Timestamp,
};

/// The longest code, in characters after trimming.
pub const MAX_CODE_CHARS: usize = 64;

/// Why a string can't be a promotion code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// Nothing is left after trimming.
    #[error("a promotion code can't be empty")]
    Empty,
    /// More than [`MAX_CODE_CHARS`] characters.
    #[error("a promotion code has at most {MAX_CODE_CHARS} characters")]
    TooLong,
    /// A control character, such as a line break, or in a new code any character that can't be seen.
    #[error("a promotion code can't contain {0}")]
    Invisible(#[from] Invisible),
}

/// A promotion code as someone spelled it, with the folded form by which spellings are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    text: String,
    folded: FoldedCode,
}

impl Code {
    /// Reads a spelling of a code that is looked for. Characters that can't be seen and are ignored in comparisons, such as
    /// a zero-width space that was copied along, are left out.
    pub fn parse(spelling: &str) -> Result<Self, InvalidCode> {
        let visible = without_ignorable(spelling);
        no_control(visible.trim())?;
        Self::checked(visible.trim())
    }

    /// Reads a code that is issued. Characters that can't be seen are rejected.
    pub fn parse_new(text: &str) -> Result<Self, InvalidCode> {
        all_visible(text.trim())?;
        Self::checked(text.trim())
    }

    fn checked(text: &str) -> Result<Self, InvalidCode> {
        if text.chars().nth(MAX_CODE_CHARS).is_some() {
            return Err(InvalidCode::TooLong);
        }
        let folded = FoldedCode(fold(text));
        // A text may be nothing but what is ignored.
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

    /// The folded form alone.
    #[must_use]
    pub fn into_folded(self) -> FoldedCode {
        self.folded
    }

    /// A code that the store kept, which was parsed before it was written.
    pub(crate) const fn from_stored(text: String, folded: String) -> Self {
        Self { text, folded: FoldedCode(folded) }
    }
}

/// What all spellings of a code share, folded. Its order is that of its bytes, in every database.
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

    /// A folded text that the store kept.
    pub(crate) const fn from_stored(folded: String) -> Self {
        Self(folded)
    }
}

/// Which code is meant: no two codes of an organisation share mode and folded text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeKey {
    /// The tenant that issued the code.
    pub org: OrgId,
    /// What the code is for.
    pub mode: PromotionMode,
    /// The code.
    pub folded: FoldedCode,
}

/// A code as printed, mailed or handed out, before and after customers link it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromotionCode {
    /// The tenant that issued it.
    pub org: OrgId,
    /// What it is for; the same as its campaign's.
    pub mode: PromotionMode,
    /// The code as it was issued.
    pub code: Code,
    /// The campaign that it belongs to.
    pub campaign_id: CampaignId,
    /// When it was issued.
    pub created_on: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_on: Option<Timestamp>,
    /// How many customers may hold it at once; `None`: any number.
    pub max_links: Option<u32>,
    /// How many holds count against that: those that stand, and those that were redeemed and given up since.
    pub link_count: u32,
}

impl PromotionCode {
    /// The key that it is found by.
    #[must_use]
    pub fn key(&self) -> CodeKey {
        CodeKey { org: self.org, mode: self.mode, folded: self.code.folded().clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_code_is_refused() {
        for parse in [Code::parse, Code::parse_new] {
            assert_eq!(parse(" \t "), Err(InvalidCode::Empty));
            assert!(matches!(parse("A\u{0}B"), Err(InvalidCode::Invisible(_))));
            assert!(matches!(parse("A\nB"), Err(InvalidCode::Invisible(_))));
            assert_eq!(parse(&"x".repeat(65)), Err(InvalidCode::TooLong));
            assert!(parse(&"é".repeat(64)).is_ok());
        }
    }

    #[test]
    fn what_is_not_seen_is_left_out_of_a_spelling_and_refused_in_a_new_code() {
        let spelling = format!("\u{feff} {}\u{200b}", "x".repeat(64));
        assert_eq!(Code::parse(&spelling).unwrap().text(), "x".repeat(64));
        assert!(matches!(Code::parse_new(&spelling), Err(InvalidCode::Invisible(_))));
        assert_eq!(Code::parse("\u{200b}"), Err(InvalidCode::Empty));
        // A heart as phones write it stays as it was issued.
        let heart = Code::parse_new("\u{2764}\u{fe0f}20").unwrap();
        assert_eq!(heart.text(), "\u{2764}\u{fe0f}20");
        assert_eq!(heart.folded(), Code::parse("\u{2764}20").unwrap().folded());
    }
}

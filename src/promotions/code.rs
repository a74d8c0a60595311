//! Promotion codes: how a spelling is read, and what is known of a code.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::{
    campaign::PromotionMode,
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
    /// A control character (Unicode category Cc), such as a line break.
    #[error("a promotion code can't contain control characters")]
    ControlCharacter,
}

/// A promotion code as someone spelled it, with the folded form by which spellings are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    text: String,
    folded: FoldedCode,
}

impl Code {
    /// Reads a spelling: trims it, checks it and folds it.
    pub fn parse(spelling: &str) -> Result<Self, InvalidCode> {
        let text = spelling.trim();
        if text.is_empty() {
            return Err(InvalidCode::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidCode::ControlCharacter);
        }
        if text.chars().nth(MAX_CODE_CHARS).is_some() {
            return Err(InvalidCode::TooLong);
        }
        let folded = FoldedCode(fold(text));
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

/// What all spellings of a code share: trimmed, NFKC-normalised (UAX #15) and case-folded (Unicode, section 3.13).
/// Its order is that of its bytes, in every database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FoldedCode(String);

impl FoldedCode {
    /// The folded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A folded text that the store kept.
    pub(crate) const fn from_stored(folded: String) -> Self {
        Self(folded)
    }
}

fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Folding can undo the normal form and normalising can yield new capitals, so both are done twice;
    // normalising can also yield a blank at an end.
    let once: String = text.nfkc().default_case_fold().nfkc().collect();
    let twice: String = once.chars().default_case_fold().nfkc().collect();
    twice.trim().to_owned()
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
    use proptest::prelude::*;

    use super::*;

    fn folded(spelling: &str) -> String {
        Code::parse(spelling).unwrap().folded().as_str().to_owned()
    }

    #[test]
    fn spellings_of_one_code_fold_alike() {
        for spelling in
            ["SAVE-20", "save-20", "  Save-20\u{3000}", "\u{ff33}\u{ff21}\u{ff36}\u{ff25}\u{ff0d}\u{ff12}\u{ff10}"]
        {
            assert_eq!(folded(spelling), "save-20", "{spelling:?}");
        }
        assert_eq!(folded("STRASSE"), folded("straße"));
        assert_eq!(folded("\u{fb01}ne"), folded("FINE"));
        assert_eq!(folded("caf\u{e9}"), folded("CAFE\u{301}"));
    }

    #[test]
    fn what_is_not_a_code_is_refused() {
        assert_eq!(Code::parse(" \t "), Err(InvalidCode::Empty));
        assert_eq!(Code::parse("A\u{0}B"), Err(InvalidCode::ControlCharacter));
        assert_eq!(Code::parse("A\nB"), Err(InvalidCode::ControlCharacter));
        assert_eq!(Code::parse(&"x".repeat(65)), Err(InvalidCode::TooLong));
        assert!(Code::parse(&"é".repeat(64)).is_ok());
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{1,20}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }
    }
}

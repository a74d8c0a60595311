//! Folding: the form in which spellings of a code are compared, and the characters that comparisons ignore.
//!
//! Stored codes are looked up by their folded text. A change of what [`fold`] returns, including one caused by newer Unicode
//! tables, requires a migration that folds stored codes again (`store/migrations/fold_codes.rs`).

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// Removes the characters that comparisons ignore.
pub fn strip_ignorable(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_ignorable) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_ignorable, ""))
}

/// Whether comparisons ignore a character.
pub fn is_ignorable(character: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Returns the form that all spellings of a code share.
///
/// This is Unicode's compatibility caseless form (NFKC_Casefold, section 3.13 of the core specification): without ignorable
/// characters, letter case, character width or other compatibility distinctions. In addition, the hyphens, apostrophes and
/// quotation marks that keyboards and word processors substitute become ASCII, and a run of blanks becomes one.
pub fn fold(text: &str) -> String {
    let folded = if text.is_ascii() { text.to_ascii_lowercase() } else { fold_unicode(text) };
    if folded.contains(char::is_whitespace) {
        return folded.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    folded
}

fn fold_unicode(text: &str) -> String {
    let (canonical, compatible) = (DecomposingNormalizerBorrowed::new_nfd(), DecomposingNormalizerBorrowed::new_nfkd());
    let cases = CaseMapper::new();
    // Definition D146: decompose before the first case folding, which would otherwise move a Greek iota subscript in front of
    // the accents that follow it. Compatibility decomposition can yield new capitals, so fold twice. Replace punctuation
    // before it, because it splits an acute accent in two, and after it, because it turns small and vertical forms into
    // dashes.
    let visible = ascii_punctuation(&canonical.normalize(&strip_ignorable(text)));
    let once = ascii_punctuation(&compatible.normalize(&cases.fold_string(&visible)));
    ComposingNormalizerBorrowed::new_nfkc().normalize(&cases.fold_string(&once)).into_owned()
}

/// Replaces the punctuation that keyboards and word processors substitute by its ASCII original.
fn ascii_punctuation(text: &str) -> String {
    let original = |character| match character {
        // Hyphens, dashes of all lengths and the minus sign.
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        // The acute accent, the letter apostrophe, single quotation marks and the prime.
        '\u{b4}' | '\u{2bc}' | '\u{2018}'..='\u{201b}' | '\u{2032}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' => '"',
        other => other,
    };
    text.chars().map(original).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn characters() -> impl Iterator<Item = char> {
        '\0'..=char::MAX
    }

    #[test]
    fn the_result_of_folding_changes_only_with_a_migration() {
        let mut all = Sha256::new();
        for character in characters() {
            all.update(fold(&format!("a{character}b\n")));
        }
        let digest = u64::from_be_bytes(all.finalize()[..8].try_into().unwrap());
        assert_eq!(
            digest, 0x8a21_e398_7ff4_9aeb,
            "add a migration that folds stored codes again, then update this digest"
        );
    }

    #[test]
    fn spellings_of_one_code_fold_alike() {
        for (one, other) in [
            ("SAVE-20", "save-20"),
            ("SAVE-20", "\u{3000}\u{ff33}\u{ff21}\u{ff36}\u{ff25}\u{ff0d}\u{ff12}\u{ff10} "),
            ("STRASSE", "stra\u{df}e"),
            ("FINE", "\u{fb01}ne"),
            ("CAFE\u{301}", "caf\u{e9}"),
            // The iota subscript and its capital, each with an accent on top.
            ("\u{391}\u{301}\u{399}", "\u{1fb3}\u{301}"),
            ("\u{391}\u{345}\u{301}", "\u{1fb4}"),
            ("SAVE20", "save20\u{200b}"),
            ("SAVE20", "\u{feff}sa\u{ad}ve\u{2060}20\u{202c}"),
            ("TWO WORDS", "two \u{a0} words"),
            ("DON'T", "don\u{2019}t"),
            ("DON'T", "don\u{b4}t"),
            ("\"VIP\"", "\u{201e}vip\u{201c}"),
        ] {
            assert_eq!(fold(one), fold(other), "{one:?} {other:?}");
        }
        for dash in "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\u{fe58}\u{fe63}".chars() {
            assert_eq!(fold(&format!("SAVE{dash}20")), "save-20", "{dash:?}");
        }
        assert_ne!(fold("A--B"), fold("A-B"));
        assert_ne!(fold("A B"), fold("AB"));
    }

    #[test]
    fn no_folded_character_is_ignorable_or_folds_further() {
        for character in characters() {
            let once = fold(&format!("a{character}b"));
            assert_eq!(fold(&once), once, "{character:?}");
            assert!(!once.contains(is_ignorable), "{character:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{1,20}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn canonically_equivalent_spellings_fold_alike(text in "[\u{370}-\u{3ff}\u{1f00}-\u{1fff}\u{300}-\u{345}]{1,8}") {
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&text).into_owned();
            prop_assert_eq!(fold(&decomposed), fold(&text));
        }
    }
}

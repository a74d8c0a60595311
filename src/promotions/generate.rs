//! Generates codes by pattern, from the operating system's random source.

use super::code::{Code, InvalidCode, MAX_CODE_CHARS};

/// Characters that people don't confuse: without 0 and O, and without 1, I and L.
pub const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/// The required ratio of possible to existing codes, so that codes can't be guessed.
pub const MIN_SPARSITY: u128 = 10_000;

/// The format of generated codes: each `#` becomes a random character, the rest stays.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    random: u32,
}

/// Why a string is not a pattern. The messages follow the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Its codes would be malformed.
    #[error(transparent)]
    Code(#[from] InvalidCode),
    /// It has no `#`.
    #[error("must contain at least one #, which becomes a random character")]
    NotRandom,
}

/// The pattern has too few possible codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The pattern is too short: its codes could be guessed. It needs at least {needed} # characters.")]
pub struct SpaceTooSmall {
    /// The number of `#` that suffice.
    pub needed: u32,
}

/// Generating codes failed.
#[derive(Debug, thiserror::Error)]
pub enum GenerationFailed {
    /// The operating system's random source failed.
    #[error("the operating system's random source failed: {0}")]
    Random(#[from] getrandom::Error),
    /// A valid pattern generated a malformed code. This is a bug.
    #[error("a pattern generated a malformed code: it {0}")]
    Code(#[from] InvalidCode),
}

impl Pattern {
    /// Parses a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        // A pattern that is a valid code generates valid codes: a random character is as long as its `#`.
        let text = Code::parse_new(text)?.text().to_owned();
        match u32::try_from(text.matches('#').count()) {
            Ok(0) | Err(_) => Err(InvalidPattern::NotRandom),
            Ok(random) => Ok(Self { text, random }),
        }
    }

    /// The number of codes that may exist before they could be guessed.
    #[must_use]
    pub fn capacity(&self) -> u128 {
        capacity(self.random)
    }

    /// The folded prefix of all of its codes: the text before the first `#`.
    #[must_use]
    pub fn prefix(&self) -> String {
        let literal = self.text.split('#').next().unwrap_or_default();
        Code::parse(literal).map(|code| code.folded().as_str().to_owned()).unwrap_or_default()
    }

    /// Checks that the pattern has room for this total of existing and new codes.
    pub fn check_capacity(&self, codes: u128) -> Result<(), SpaceTooSmall> {
        if codes <= self.capacity() {
            return Ok(());
        }
        let most = u32::try_from(MAX_CODE_CHARS).unwrap_or(u32::MAX);
        Err(SpaceTooSmall { needed: (1..most).find(|random| codes <= capacity(*random)).unwrap_or(most) })
    }

    /// Generates random codes. In rare cases two are equal.
    pub fn generate(&self, count: usize) -> Result<Vec<Code>, GenerationFailed> {
        let mut source = Characters::default();
        (0..count).map(|_| self.one(&mut source)).collect()
    }

    fn one(&self, source: &mut Characters) -> Result<Code, GenerationFailed> {
        let mut text = String::with_capacity(self.text.len());
        for character in self.text.chars() {
            text.push(if character == '#' { source.next()? } else { character });
        }
        Ok(Code::parse_new(&text)?)
    }
}

fn capacity(random: u32) -> u128 {
    (ALPHABET.len() as u128).saturating_pow(random) / MIN_SPARSITY
}

/// Random characters of the alphabet, all equally likely.
#[derive(Default)]
struct Characters {
    bytes: Vec<u8>,
}

impl Characters {
    fn next(&mut self) -> Result<char, getrandom::Error> {
        // The largest multiple of 31 that a byte holds. Bytes from there on would favour some characters.
        const FAIR: u8 = 248;
        loop {
            let Some(byte) = self.bytes.pop() else {
                self.bytes.resize(4096, 0);
                getrandom::fill(&mut self.bytes)?;
                continue;
            };
            if byte < FAIR {
                return Ok(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn codes_follow_the_pattern_and_differ() {
        let codes = Pattern::parse("SAVE-####-####").unwrap().generate(1000).unwrap();
        let mut seen = std::collections::HashSet::new();
        for code in &codes {
            assert!(seen.insert(code.text().to_owned()));
            let random: Vec<u8> = code.text().strip_prefix("SAVE-").unwrap().bytes().collect();
            assert_eq!(random[4], b'-');
            assert!(random.iter().enumerate().all(|(at, byte)| at == 4 || ALPHABET.contains(byte)));
        }
    }

    #[test]
    fn every_character_is_as_likely_as_any_other() {
        let codes = Pattern::parse("################").unwrap().generate(20_000).unwrap();
        let mut counts: HashMap<char, u32> = HashMap::new();
        for character in codes.iter().flat_map(|code| code.text().chars()) {
            *counts.entry(character).or_default() += 1;
        }
        assert_eq!(counts.len(), ALPHABET.len());
        // 320,000 draws, 10,323 of each expected, with a standard deviation of 100.
        assert!(counts.values().all(|count| (9_700..10_950).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_small_space_is_refused_with_the_length_that_suffices() {
        let pattern = Pattern::parse("A####").unwrap();
        assert_eq!(pattern.capacity(), 92);
        assert_eq!(pattern.check_capacity(92), Ok(()));
        assert_eq!(pattern.check_capacity(93), Err(SpaceTooSmall { needed: 5 }));
        assert_eq!(Pattern::parse("#").unwrap().check_capacity(5_000_000), Err(SpaceTooSmall { needed: 8 }));
    }

    #[test]
    fn malformed_patterns_are_rejected() {
        assert_eq!(Pattern::parse("SAVE").map(|_| ()), Err(InvalidPattern::NotRandom));
        assert_eq!(Pattern::parse(" ").map(|_| ()), Err(InvalidPattern::Code(InvalidCode::Empty)));
        assert_eq!(Pattern::parse(&"#".repeat(65)).map(|_| ()), Err(InvalidPattern::Code(InvalidCode::TooLong)));
    }
}

//! New codes by pattern, from the operating system's random source.

use super::code::{Code, InvalidCode, MAX_CODE_CHARS};

/// Characters that nobody mistakes for another: no 0 and O, no 1, I and L.
pub const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

/// So many possible codes must there be for each that exists, lest codes be guessed.
pub const SPARSENESS: u128 = 10_000;

/// What a generated code looks like: each `#` becomes a random character, the rest stands as it is.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    random: u32,
}

/// Why a string can't be a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// It would not give codes.
    #[error(transparent)]
    Code(#[from] InvalidCode),
    /// It has no `#`.
    #[error("at least one # is wanted, which becomes a random character")]
    NotRandom,
}

/// The pattern has too few codes in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The pattern is too short for so many codes, which could be guessed: it needs at least {needed} # in it.")]
pub struct SpaceTooSmall {
    /// How many `#` would do.
    pub needed: u32,
}

/// Codes could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerationFailed {
    /// The operating system has no random bytes to give.
    #[error("the operating system's random source failed: {0}")]
    Random(#[from] getrandom::Error),
    /// A pattern that parsed gave something that doesn't: an error of ours.
    #[error("a pattern gave a malformed code: {0}")]
    Code(#[from] InvalidCode),
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        // What holds for the pattern holds for its codes: a random character is as long as its mark.
        let text = Code::parse_new(text)?.text().to_owned();
        match u32::try_from(text.matches('#').count()) {
            Ok(0) | Err(_) => Err(InvalidPattern::NotRandom),
            Ok(random) => Ok(Self { text, random }),
        }
    }

    /// How many codes there may be altogether before they could be guessed.
    #[must_use]
    pub fn capacity(&self) -> u128 {
        capacity(self.random)
    }

    /// What all of its codes begin with, folded: what stands before the first `#`.
    #[must_use]
    pub fn beginning(&self) -> String {
        let literal = self.text.split('#').next().unwrap_or_default();
        Code::parse(literal).map(|code| code.folded().as_str().to_owned()).unwrap_or_default()
    }

    /// Checks that so many codes, with those that there are, fit.
    pub fn fits(&self, codes: u128) -> Result<(), SpaceTooSmall> {
        if codes <= self.capacity() {
            return Ok(());
        }
        let most = u32::try_from(MAX_CODE_CHARS).unwrap_or(u32::MAX);
        Err(SpaceTooSmall { needed: (1..most).find(|random| codes <= capacity(*random)).unwrap_or(most) })
    }

    /// So many random codes. Two may be the same, if rarely.
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
    (ALPHABET.len() as u128).saturating_pow(random) / SPARSENESS
}

/// Random characters of the alphabet, all equally likely.
#[derive(Default)]
struct Characters {
    bytes: Vec<u8>,
}

impl Characters {
    fn next(&mut self) -> Result<char, getrandom::Error> {
        // The largest multiple of 31 that a byte holds: bytes from there on would favour some characters.
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
    fn a_small_space_is_refused_with_what_would_do() {
        let pattern = Pattern::parse("A####").unwrap();
        assert_eq!(pattern.capacity(), 92);
        assert_eq!(pattern.fits(92), Ok(()));
        assert_eq!(pattern.fits(93), Err(SpaceTooSmall { needed: 5 }));
        assert_eq!(Pattern::parse("#").unwrap().fits(5_000_000), Err(SpaceTooSmall { needed: 8 }));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert_eq!(Pattern::parse("SAVE").map(|_| ()), Err(InvalidPattern::NotRandom));
        assert_eq!(Pattern::parse(" ").map(|_| ()), Err(InvalidPattern::Code(InvalidCode::Empty)));
        assert_eq!(Pattern::parse(&"#".repeat(65)).map(|_| ()), Err(InvalidPattern::Code(InvalidCode::TooLong)));
    }
}

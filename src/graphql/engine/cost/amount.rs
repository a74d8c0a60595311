//! What a selection reads and returns.

use crate::graphql::types::LOOKUP_WEIGHT;

/// The cost of a lookup, in values.
const VALUES_PER_LOOKUP: usize = LOOKUP_WEIGHT as usize;

/// What a selection reads and returns if every page that it selects is full.
#[derive(Debug, Default, Clone, Copy)]
pub struct Amount {
    pub values: usize,
    /// The values that long texts count as. They take memory, but hardly any time.
    pub texts: usize,
    /// Lookups of an id or a page.
    pub lookups: usize,
}

impl Amount {
    pub fn plus(self, other: Self) -> Self {
        Self {
            values: self.values.saturating_add(other.values),
            texts: self.texts.saturating_add(other.texts),
            lookups: self.lookups.saturating_add(other.lookups),
        }
    }

    pub fn times(self, times: usize) -> Self {
        Self {
            values: self.values.saturating_mul(times),
            texts: self.texts.saturating_mul(times),
            lookups: self.lookups.saturating_mul(times),
        }
    }

    /// The cost in time, in values: ten for each lookup, and none for long texts.
    pub fn cost(self) -> usize {
        self.values.saturating_add(self.lookups.saturating_mul(VALUES_PER_LOOKUP))
    }
}

/// What a selection set reads and returns.
#[derive(Debug, Default, Clone, Copy)]
pub struct SetAmount {
    /// Once for each parent.
    pub once: Amount,
    /// For each row of the parent's page: below `nodes` and `edges`.
    pub each_row: Amount,
}

impl SetAmount {
    pub fn plus(self, other: Self) -> Self {
        Self { once: self.once.plus(other.once), each_row: self.each_row.plus(other.each_row) }
    }

    pub fn total(self) -> Amount {
        self.once.plus(self.each_row)
    }
}

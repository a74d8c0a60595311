//! Pages of lists: a keyset cursor, and how many rows after it.

use super::{campaign::PromotionMode, time::Timestamp};

/// Which rows of a list are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Page<Cursor> {
    /// The row behind which the page begins; `None`: at the start.
    pub after: Option<Cursor>,
    /// How many rows at most.
    pub limit: u32,
}

/// Where a page of a parent's list begins: behind the row with this cursor, or, with `None`, at the start.
pub type Start<Parent, Cursor> = (Parent, Option<Cursor>);

/// Which promotions of a wallet are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WalletFilter {
    /// Of this mode alone.
    pub mode: Option<PromotionMode>,
    /// Those alone that are active, or are not, at this moment.
    pub active: Option<(bool, Timestamp)>,
}

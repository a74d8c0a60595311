//! Pages of lists: a keyset cursor, and the number of rows after it.

use super::{campaign::PromotionMode, time::Timestamp};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Page<Cursor> {
    /// The cursor of the row before the page; `None` for the first page.
    pub after: Option<Cursor>,
    /// The maximum number of rows.
    pub limit: u32,
}

/// The start of a page in a parent's list: after the row with this cursor, or with `None` at the first row.
pub type Start<Parent, Cursor> = (Parent, Option<Cursor>);

/// Selects promotions of a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WalletFilter {
    /// Only promotions of this mode.
    pub mode: Option<PromotionMode>,
    /// Only promotions that are active, or only those that are not, at this time.
    pub active: Option<(bool, Timestamp)>,
}

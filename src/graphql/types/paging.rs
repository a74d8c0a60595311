//! Lists as Relay connections with opaque keyset cursors, forward only. A page costs the same anywhere in a list.

use async_graphql::{
    OutputType,
    connection::{Connection, CursorType, Edge, EmptyFields, OpaqueCursor},
};
use uuid::Uuid;

use crate::{
    graphql::error::{ApiError, invalid_input},
    promotions::{CustomerId, FoldedCode, Page},
};

/// The largest `first`.
pub const MAX_FIRST: i32 = 100;

/// The default of `first`.
pub const DEFAULT_FIRST: i32 = 20;

/// The longest folded code, in bytes: 64 characters, of each of which NFKC makes at most 18, of at most 4 bytes.
const MAX_FOLDED_BYTES: usize = 64 * 18 * 4;

/// A page of a list, as clients see it.
pub type List<Node> = Connection<OpaqueCursor<String>, Node>;

/// A row of a list with its cursor, as clients see it.
pub type ListItem<Node> = Edge<OpaqueCursor<String>, Node, EmptyFields>;

/// The sort key of a list. A cursor contains the key of its row.
pub trait CursorKey: Sized {
    /// The key as text.
    fn to_text(&self) -> String;
    /// Parses the text of a key. `None` if it is malformed.
    fn from_text(text: &str) -> Option<Self>;
}

impl CursorKey for FoldedCode {
    fn to_text(&self) -> String {
        self.as_str().to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        // Not `Code::parse`: a folded code may be longer than any spelling. It is only used in comparisons.
        let is_valid = !text.is_empty() && text.len() <= MAX_FOLDED_BYTES && !text.chars().any(char::is_control);
        is_valid.then(|| FoldedCode::from_stored(text.to_owned()))
    }
}

impl CursorKey for CustomerId {
    fn to_text(&self) -> String {
        self.get().to_string()
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse::<i64>().ok()?.try_into().ok()
    }
}

impl<Id: Copy + From<Uuid> + Into<Uuid>> CursorKey for Id {
    fn to_text(&self) -> String {
        Into::<Uuid>::into(*self).simple().to_string()
    }
    fn from_text(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Into::into)
    }
}

/// Parses the arguments of a list. The page has a limit of `first` + 1 rows: the last one shows whether there is a next
/// page.
pub fn page<Key: CursorKey>(first: Option<i32>, after: Option<&str>) -> Result<Page<Key>, ApiError> {
    let first = first.unwrap_or(DEFAULT_FIRST);
    let limit = match u32::try_from(first) {
        Ok(limit) if (1..=MAX_FIRST).contains(&first) => limit + 1,
        _ => return Err(invalid_input("first", format_args!("must be 1 to {MAX_FIRST}"))),
    };
    let parse = |cursor| OpaqueCursor::<String>::decode_cursor(cursor).ok().and_then(|key| Key::from_text(&key.0));
    // Some clients send an empty cursor for the first page.
    let after = after
        .filter(|cursor| !cursor.is_empty())
        .map(|cursor| {
            parse(cursor).ok_or_else(|| {
                invalid_input("after", "must be a cursor of this list, such as endCursor of the page before")
            })
        })
        .transpose()?;
    Ok(Page { after, limit })
}

/// Builds a list from the rows of a page.
pub fn list<Row, Node: OutputType, Key: CursorKey>(
    page: &Page<Key>,
    mut rows: Vec<Row>,
    key: impl Fn(&Row) -> Key,
    node: impl Fn(Row) -> Node,
) -> List<Node> {
    let first = page.limit as usize - 1;
    let mut list = Connection::new(page.after.is_some(), rows.len() > first);
    rows.truncate(first);
    list.edges.extend(rows.into_iter().map(|row| Edge::new(OpaqueCursor(key(&row).to_text()), node(row))));
    list
}

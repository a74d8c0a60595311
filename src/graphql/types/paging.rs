//! Lists as Relay connections: opaque keyset cursors, forward only.

use async_graphql::{
    Error, OutputType,
    connection::{Connection, CursorType, Edge, OpaqueCursor},
};
use uuid::Uuid;

use crate::{
    graphql::error::invalid_input,
    promotions::{CustomerId, FoldedCode, Page},
};

/// The most rows of a page.
pub const MAX_FIRST: i32 = 100;

/// The rows of a page when nobody says how many.
pub const DEFAULT_FIRST: i32 = 20;

/// More than the folded form of any code: 64 characters, each of which NFKC makes at most 18 of at most 4 bytes.
const MAX_FOLDED_BYTES: usize = 64 * 18 * 4;

/// A page of a list, as clients see it.
pub type List<Node> = Connection<OpaqueCursor<String>, Node>;

/// What a list is sorted by: a cursor holds the last row's.
pub trait CursorKey: Sized {
    /// The key as text.
    fn to_text(&self) -> String;
    /// The key from its text. `None`: it is not one.
    fn from_text(text: &str) -> Option<Self>;
}

impl CursorKey for FoldedCode {
    fn to_text(&self) -> String {
        self.as_str().to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        // Not `Code::parse`: what is folded may be longer than any spelling. It is only compared with.
        let sound = !text.is_empty() && text.len() <= MAX_FOLDED_BYTES && !text.chars().any(char::is_control);
        sound.then(|| FoldedCode::from_stored(text.to_owned()))
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

/// Reads the arguments of a list. The page asks for one row more than is wanted: it tells whether there are more.
pub fn page<Key: CursorKey>(first: Option<i32>, after: Option<&str>) -> Result<Page<Key>, Error> {
    let first = first.unwrap_or(DEFAULT_FIRST);
    let limit = match u32::try_from(first) {
        Ok(limit) if (1..=MAX_FIRST).contains(&first) => limit + 1,
        _ => return Err(invalid_input("first", format_args!("a number from 1 to {MAX_FIRST} is wanted"))),
    };
    let read = |cursor| OpaqueCursor::<String>::decode_cursor(cursor).ok().and_then(|key| Key::from_text(&key.0));
    // Some clients send an empty cursor for the first page.
    let after = after
        .filter(|cursor| !cursor.is_empty())
        .map(|cursor| read(cursor).ok_or_else(|| invalid_input("after", "it is no cursor of this list")))
        .transpose()?;
    Ok(Page { after, limit })
}

/// Makes a list of the rows that a page found.
pub fn list<Thing, Node: OutputType, Key: CursorKey>(
    page: &Page<Key>,
    mut rows: Vec<Thing>,
    key: impl Fn(&Thing) -> Key,
    node: impl Fn(Thing) -> Node,
) -> List<Node> {
    let wanted = page.limit as usize - 1;
    let mut list = Connection::new(page.after.is_some(), rows.len() > wanted);
    rows.truncate(wanted);
    list.edges.extend(rows.into_iter().map(|row| Edge::new(OpaqueCursor(key(&row).to_text()), node(row))));
    list
}

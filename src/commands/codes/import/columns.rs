//! The columns of a file to import: finds them by the header, and parses the cells of a row.

use anyhow::{bail, ensure};
use csv::ByteRecord;

use super::rejects::RejectReason;
use crate::{
    commands::codes::{MaxLinks, begins_formula},
    promotions::{Code, CustomerId},
};

/// Columns of an export that say nothing about a new code.
const SKIPPED: [&str; 3] = ["created_on", "promotion_id", "linked_on"];

/// Columns that are read, in the order of [`Columns::places`].
const READ: [&str; 8] =
    ["code", "customer_id", "max_links", "revoked", "state", "redemptions", "link_count", "holders"];

/// An error repeats at most this many names of a header, and this many characters of a name: the file may be anything.
const MAX_NAMES_SHOWN: usize = 10;
const MAX_CHARS_SHOWN: usize = 40;

/// The places of the columns in a row.
#[derive(Debug, Default)]
pub struct Columns {
    places: [Option<usize>; READ.len()],
    count: usize,
}

/// A row that can be imported.
#[derive(Debug)]
pub struct Row {
    pub code: Code,
    /// `None` if the file has no such column.
    pub max_links: Option<MaxLinks>,
    /// `None` if the cell is empty.
    pub revoked: Option<bool>,
    pub customer: Option<CustomerId>,
}

impl Columns {
    /// Finds the columns, except those with the names in `ignored`.
    pub fn of(header: &ByteRecord, ignored: &[String]) -> anyhow::Result<Self> {
        let spelled: Vec<&str> = header.iter().map(|name| str::from_utf8(name).unwrap_or_default().trim()).collect();
        let ignored: Vec<String> = ignored.iter().map(|name| name.trim().to_lowercase()).collect();
        // An ignored column has an empty name, and so has one that a spreadsheet added.
        let name =
            |spelled: &&str| Some(spelled.to_lowercase()).filter(|name| !ignored.contains(name)).unwrap_or_default();
        let names: Vec<String> = spelled.iter().map(name).collect();
        let place = |required| names.iter().position(|name| name == required);
        ensure!(
            place("code").is_some(),
            "its first line must be a header with the column `code`, such as `code` or `code,customer_id`, but it is {}",
            shown(&spelled)
        );
        for (position, name) in names.iter().enumerate() {
            let spelled = &spelled[position..=position];
            if name.is_empty() {
                continue;
            }
            ensure!(!names[..position].contains(name), "its header has the column {} twice", shown(spelled));
            if !READ.contains(&&**name) && !SKIPPED.contains(&&**name) {
                bail!("its header has the column {}, which is unknown; {}", shown(spelled), accepted());
            }
        }
        Ok(Self { places: READ.map(place), count: names.len() })
    }

    /// Whether there is a column `max_links`.
    pub const fn have_max_links(&self) -> bool {
        self.places[2].is_some()
    }

    /// The code as a row spells it, for the list of rejected rows: 100 characters of it, since it may be as long as a row.
    pub fn spelling(&self, record: &ByteRecord) -> String {
        let code = self.places[0].and_then(|place| record.get(place)).unwrap_or_default();
        String::from_utf8_lossy(code).trim().chars().take(100).collect()
    }

    /// Parses a row.
    pub fn parse(&self, record: &ByteRecord) -> Result<Row, RejectReason> {
        // Spreadsheets add empty cells at the end of a row.
        if record.len() < self.count || record.iter().skip(self.count).any(|cell| !cell.trim_ascii().is_empty()) {
            return Err(RejectReason::ColumnCount { row: record.len(), header: self.count });
        }
        let mut cells = [""; READ.len()];
        for (cell, place) in cells.iter_mut().zip(self.places) {
            *cell = place.map_or(Ok(""), |place| cell_text(&record[place]))?;
        }
        let [code, customer, max_links, revoked, state, redemptions, link_count, holders] = cells;
        if code.strip_prefix('\'').is_some_and(|rest| rest.starts_with(begins_formula)) {
            return Err(RejectReason::MarkedForSpreadsheet);
        }
        let code = Code::parse_new(code)?;
        let revoked = match revoked {
            "" => None,
            text if text.eq_ignore_ascii_case("false") => Some(false),
            text if text.eq_ignore_ascii_case("true") => Some(true),
            _ => return Err(RejectReason::Revoked),
        };
        let is_revoked = revoked == Some(true);
        // A revoked code can't be linked, so its promotion can't become active.
        let is_live = ["", "ACTIVE", "NOT_YET_REDEEMABLE"].iter().any(|live| state.eq_ignore_ascii_case(live))
            && ["", "0"].contains(&redemptions);
        if !is_revoked && !is_live {
            return Err(RejectReason::NotLive);
        }
        let max_links = self.have_max_links().then(|| parse_max_links(max_links)).transpose()?;
        let customer = parse_customer(customer)?;
        let link_count = parse_count(link_count, "link_count")?.unwrap_or(0);
        let holders = parse_count(holders, "holders")?.unwrap_or_else(|| u32::from(customer.is_some()));
        let is_limited = max_links.is_none_or(|MaxLinks(limit)| limit.is_some());
        if !is_revoked && is_limited && link_count > holders {
            return Err(RejectReason::UsedUp { link_count, holders });
        }
        Ok(Row { code, max_links, revoked, customer })
    }
}

/// Names of a header for an error, shortened.
fn shown(names: &[&str]) -> String {
    let name = |name: &&str| format!("`{}`", name.escape_debug().take(MAX_CHARS_SHOWN).collect::<String>());
    let first: Vec<String> = names.iter().take(MAX_NAMES_SHOWN).map(name).collect();
    let others = names.len() - first.len();
    first.join(", ") + &if others > 0 { format!(" and {others} more") } else { String::new() }
}

fn accepted() -> String {
    format!("an import reads {} and skips {}; --ignore NAME skips another", READ.join(", "), SKIPPED.join(", "))
}

fn cell_text(cell: &[u8]) -> Result<&str, RejectReason> {
    let text = str::from_utf8(cell).map_err(|_| RejectReason::NotUtf8)?;
    Ok(text.trim())
}

fn parse_customer(cell: &str) -> Result<Option<CustomerId>, RejectReason> {
    if cell.is_empty() { Ok(None) } else { cell.parse().map(Some).map_err(|_| RejectReason::CustomerId) }
}

fn parse_max_links(cell: &str) -> Result<MaxLinks, RejectReason> {
    if cell.is_empty() { Ok(MaxLinks(None)) } else { cell.parse().map_err(|_| RejectReason::MaxLinks) }
}

fn parse_count(cell: &str, column: &'static str) -> Result<Option<u32>, RejectReason> {
    if cell.is_empty() { Ok(None) } else { cell.parse().map(Some).map_err(|_| RejectReason::Count { column }) }
}

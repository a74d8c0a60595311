//! The columns of a file to import: which there are, and what a cell of each may say.

use anyhow::{bail, ensure};
use csv::ByteRecord;

use super::{MaxLinks, formula};
use crate::promotions::{Code, CustomerId, MAX_LIMIT};

/// Columns that say nothing about a new code, but are in an export.
const IGNORED: [&str; 4] = ["created_on", "link_count", "promotion_id", "linked_on"];

/// Columns that are read, in the order of [`Columns::places`].
const READ: [&str; 6] = ["code", "customer_id", "max_links", "revoked", "state", "redemptions"];

/// So much of a header is repeated in an error: the file may be anything.
const NAMES_SHOWN: usize = 10;
const CHARS_SHOWN: usize = 40;

/// Where what is read stands in a row.
#[derive(Debug, Default)]
pub struct Columns {
    places: [Option<usize>; READ.len()],
    count: usize,
}

/// A row that can be imported.
#[derive(Debug)]
pub struct Row {
    pub code: Code,
    /// `None`: the file has no such column.
    pub max_links: Option<MaxLinks>,
    pub revoked: bool,
    pub customer: Option<CustomerId>,
}

impl Columns {
    /// Reads a header. Columns of the names in `ignored` are ignored.
    pub fn of(header: &ByteRecord, ignored: &[String]) -> anyhow::Result<Self> {
        let spelled: Vec<&str> = header.iter().map(|name| str::from_utf8(name).unwrap_or_default().trim()).collect();
        let ignored: Vec<String> = ignored.iter().map(|name| name.trim().to_lowercase()).collect();
        // No name stands for a column that is ignored, and for one that a spreadsheet added.
        let name =
            |spelled: &&str| Some(spelled.to_lowercase()).filter(|name| !ignored.contains(name)).unwrap_or_default();
        let names: Vec<String> = spelled.iter().map(name).collect();
        let place = |wanted| names.iter().position(|name| name == wanted);
        ensure!(place("code").is_some(), "its header has no column `code`, but {}; {}", shown(&spelled), accepted());
        for (position, name) in names.iter().enumerate() {
            let spelled = &spelled[position..=position];
            if name.is_empty() {
                continue;
            }
            ensure!(!names[..position].contains(name), "its header has the column {} twice", shown(spelled));
            if !READ.contains(&&**name) && !IGNORED.contains(&&**name) {
                bail!("its header has the column {}, which is unknown; {}", shown(spelled), accepted());
            }
        }
        Ok(Self { places: READ.map(place), count: names.len() })
    }

    /// Whether each row says how many customers may link its code.
    pub const fn have_max_links(&self) -> bool {
        self.places[2].is_some()
    }

    /// The code as a row spells it, for the list of rejected rows.
    pub fn spelling(&self, record: &ByteRecord) -> String {
        let code = self.places[0].and_then(|place| record.get(place)).unwrap_or_default();
        // No more of it than tells which it is: it may be as long as a row.
        String::from_utf8_lossy(code).trim().chars().take(100).collect()
    }

    /// Reads a row.
    pub fn read(&self, record: &ByteRecord) -> Result<Row, String> {
        if record.len() != self.count {
            return Err(format!("the row has {} columns, the header {}", record.len(), self.count));
        }
        let mut cells = [""; READ.len()];
        for (cell, place) in cells.iter_mut().zip(self.places) {
            *cell = place.map_or(Ok(""), |place| cell_text(&record[place]))?;
        }
        let [code, customer, max_links, revoked, state, redemptions] = cells;
        if code.strip_prefix('\'').is_some_and(|rest| rest.starts_with(formula)) {
            return Err("the code is marked for a spreadsheet: import an export without --spreadsheet".to_owned());
        }
        let code = Code::parse_new(code).map_err(|reason| format!("the code {reason}"))?;
        let revoked = match revoked {
            "" => false,
            text if text.eq_ignore_ascii_case("false") => false,
            text if text.eq_ignore_ascii_case("true") => true,
            _ => return Err("revoked is malformed: true or false is required".to_owned()),
        };
        // A revoked code can't be linked, whatever its promotion was.
        let is_live = ["", "ACTIVE", "NOT_YET_REDEEMABLE"].iter().any(|live| state.eq_ignore_ascii_case(live))
            && ["", "0"].contains(&redemptions);
        if !revoked && !is_live {
            return Err("the promotion was redeemed or is not active, and an import would make it active and not \
                        redeemed: the row is left out"
                .to_owned());
        }
        let max_links = self.have_max_links().then(|| max_links_of(max_links)).transpose()?;
        Ok(Row { code, max_links, revoked, customer: customer_of(customer)? })
    }
}

/// The names of a header, as far as they are shown.
fn shown(names: &[&str]) -> String {
    let name = |name: &&str| format!("`{}`", name.escape_debug().take(CHARS_SHOWN).collect::<String>());
    let first: Vec<String> = names.iter().take(NAMES_SHOWN).map(name).collect();
    let others = names.len() - first.len();
    first.join(", ") + &if others > 0 { format!(" and {others} more") } else { String::new() }
}

fn accepted() -> String {
    format!("an import reads {} and skips {}; --ignore NAME skips another", READ.join(", "), IGNORED.join(", "))
}

fn cell_text(cell: &[u8]) -> Result<&str, String> {
    let text = str::from_utf8(cell).map_err(|_| "the row is not UTF-8".to_owned())?;
    let trimmed = text.trim();
    if trimmed.starts_with('"') && trimmed.len() < text.trim_end().len() {
        return Err("a blank stands before a quote: remove it, or the quote is part of the text".to_owned());
    }
    Ok(trimmed)
}

fn customer_of(cell: &str) -> Result<Option<CustomerId>, String> {
    if cell.is_empty() {
        return Ok(None);
    }
    // Digits alone: the standard parser would take a sign as well.
    let number = cell.bytes().all(|byte| byte.is_ascii_digit()).then(|| cell.parse::<i64>().ok()).flatten();
    match number.map(CustomerId::try_from) {
        Some(Ok(customer)) => Ok(Some(customer)),
        _ => {
            Err("the customer_id is malformed: a whole number from 0 to 9007199254740991, in digits alone, is required"
                .to_owned())
        }
    }
}

fn max_links_of(cell: &str) -> Result<MaxLinks, String> {
    if cell.is_empty() {
        return Ok(MaxLinks(None));
    }
    super::parse_max_links(cell).map_err(|_| {
        format!("max_links is malformed: a number from 1 to {MAX_LIMIT}, or nothing for any number, is required")
    })
}

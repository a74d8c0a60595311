//! The rows that an import rejects, for the person who corrects them.

use std::{
    fs::{self, File, Metadata},
    path::Path,
};

use anyhow::{Context, ensure};

use crate::{
    commands::{UsageError, codes::CsvArgs, output},
    promotions::{Contradiction, InvalidCode, MAX_LIMIT, MAX_SAFE_INTEGER, Refusal},
};

/// The number of rejected rows that are shown if no file takes them.
const MAX_SHOWN: u64 = 20;

/// A rejected row.
#[derive(Debug)]
pub struct RejectedRow {
    /// The line of the file that it begins on; the header's is 1.
    pub line: u64,
    /// The code as the row spells it.
    pub code: String,
    /// Why it was rejected.
    pub reason: RejectReason,
}

impl RejectedRow {
    /// Whether the code was imported, and only its link refused.
    pub const fn is_refused_link(&self) -> bool {
        matches!(self.reason, RejectReason::NotLinked(_))
    }
}

/// Why a row was rejected.
#[derive(Debug, thiserror::Error)]
pub enum RejectReason {
    #[error("the row is not UTF-8")]
    NotUtf8,
    #[error("a quote is left open, to the end of the file")]
    OpenQuote,
    #[error("the header is repeated: is this two files in one?")]
    RepeatedHeader,
    #[error("the row has {row} columns, the header {header}")]
    ColumnCount { row: usize, header: usize },
    #[error(
        "a quote is misplaced: a cell with a quote in it must begin and end with quotes, without blanks before them, and \
         double those between"
    )]
    MisplacedQuote,
    #[error("the code is marked for a spreadsheet: import an export without --spreadsheet")]
    MarkedForSpreadsheet,
    #[error("the code {0}")]
    Code(#[from] InvalidCode),
    #[error("the customer_id is malformed: it must be a whole number from 0 to {MAX_SAFE_INTEGER}, in digits only")]
    CustomerId,
    #[error("max_links is malformed: it must be a number from 1 to {MAX_LIMIT}, or empty for any number")]
    MaxLinks,
    #[error("revoked is malformed: it must be true or false")]
    Revoked,
    #[error("the promotion was redeemed or is not active, and an import would make it active and not redeemed")]
    NotLive,
    #[error(
        "link_count is {link_count} and holders {holders}: the other links were used up, and an import would permit them again"
    )]
    UsedUp { link_count: u32, holders: u32 },
    #[error("{column} is malformed: it must be a number")]
    Count { column: &'static str },
    #[error("another campaign has this code")]
    InOtherCampaign,
    #[error("{}; the existing code is unchanged", contradiction(*.0))]
    Contradiction(Contradiction),
    #[error("the code is in the campaign, but was not linked: {0}")]
    NotLinked(Refusal),
}

fn contradiction(contradiction: Contradiction) -> String {
    match contradiction {
        Contradiction::Revoked => "the code exists and is revoked, but the row has revoked false".to_owned(),
        Contradiction::NotRevoked => {
            "the code exists and is not revoked, but the row has revoked true: use revokePromotionCode".to_owned()
        }
        Contradiction::MaxLinks(None) => {
            "the code exists and any number may link it, but the row has max_links".to_owned()
        }
        Contradiction::MaxLinks(Some(limit)) => {
            format!("the code exists with max_links {limit}, but the row has another")
        }
    }
}

/// Takes rejected rows: writes them to a file, or keeps the first to show them on standard error.
pub struct Rejects {
    csv: CsvArgs,
    file: Option<csv::Writer<File>>,
    first: Vec<RejectedRow>,
    rejected: u64,
    refused_links: u64,
}

#[cfg(unix)]
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Only Unix identifies open files.
#[cfg(not(unix))]
fn is_same_file(_: &Metadata, _: &Metadata) -> bool {
    false
}

impl Rejects {
    /// Creates the file, if there is to be one.
    pub fn create(path: Option<&Path>, csv: CsvArgs, input: &Metadata) -> anyhow::Result<Self> {
        let file = path.map(|path| {
            // By another path, or a hard link, it may be the same file.
            let is_input = fs::metadata(path).is_ok_and(|target| is_same_file(&target, input));
            ensure!(!is_input, UsageError::RejectsReplaceInput);
            let file = File::create(path).with_context(|| UsageError::CannotWrite(path.to_owned()))?;
            let mut file = csv::Writer::from_writer(file);
            file.write_record(["line", "code", "reason"])?;
            file.flush()?;
            Ok(file)
        });
        Ok(Self { csv, file: file.transpose()?, first: Vec::new(), rejected: 0, refused_links: 0 })
    }

    /// The number of rejected rows, without those of refused links.
    pub const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// The number of rows whose code was imported, but not linked.
    pub const fn refused_links(&self) -> u64 {
        self.refused_links
    }

    const fn count(&self) -> u64 {
        self.rejected + self.refused_links
    }

    /// Takes the rejected rows of a batch, in the order of their lines.
    pub fn add(&mut self, rows: Vec<RejectedRow>) -> anyhow::Result<()> {
        for row in rows {
            *if row.is_refused_link() { &mut self.refused_links } else { &mut self.rejected } += 1;
            match &mut self.file {
                Some(file) => file
                    .write_record([&row.line.to_string(), &*self.csv.cell(&row.code), &row.reason.to_string()])
                    .context("cannot write the rejected rows")?,
                None if (self.first.len() as u64) < MAX_SHOWN => self.first.push(row),
                None => {}
            }
        }
        match &mut self.file {
            Some(file) => file.flush().context("cannot write the rejected rows"),
            None => Ok(()),
        }
    }

    /// Shows the first rows on standard error, if there is no file.
    pub fn show(&self) {
        for RejectedRow { line, reason, .. } in &self.first {
            output::note(format_args!("line {line}: {reason}"));
        }
        if self.file.is_none() && self.count() > MAX_SHOWN {
            output::note(format_args!("and {} more; --rejects FILE lists them all", self.count() - MAX_SHOWN));
        }
    }
}

//! Reads the rows of a CSV file of codes, with the line of each.

use std::io::{Chain, Cursor, Read, Take};

use anyhow::{bail, ensure};
use csv::{ByteRecord, ReaderBuilder, Terminator};
use uuid::{NoContext, Timestamp, Uuid};

use super::{
    columns::{Columns, Row},
    csv_source::CsvSource,
    quotes::QuoteCheck,
    rejects::{RejectReason, RejectedRow},
};
use crate::promotions::CODE_BATCH;

/// The longest row, in bytes. In a longer one, a quote was left open. It bounds the memory of a row.
const MAX_ROW_BYTES: u64 = 1 << 20;

/// The file, up to the longest row, and then the tail.
type Bounded = Chain<Take<Box<dyn Read + Send>>, Cursor<Vec<u8>>>;

/// Reads the rows of a file.
pub struct RowReader {
    // Lines end with \n only: with other line ends, the reader miscounts lines.
    reader: csv::Reader<QuoteCheck<Bounded>>,
    /// Is read after the end of the file. No file contains it, since it is random. As a row of its own it shows that the file
    /// ended well; inside a row, that a quote was left open.
    tail: Vec<u8>,
    header: ByteRecord,
    columns: Columns,
    record: ByteRecord,
    /// Whether quotes are misplaced in the record.
    misquoted: bool,
}

/// Rows that are written in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows to import, each with its line.
    pub rows: Vec<(u64, Row)>,
    /// The rows that can't be parsed.
    pub rejected: Vec<RejectedRow>,
    /// The bytes of the file up to the end of this batch.
    pub bytes: u64,
}

impl Batch {
    /// The number of rows, rejected ones included.
    pub const fn len(&self) -> usize {
        self.rows.len() + self.rejected.len()
    }
}

/// The result of reading on.
enum Step {
    Row { line: u64 },
    OpenQuote { line: u64 },
    End,
}

impl RowReader {
    /// Reads the header. Columns with the names in `ignored` are ignored.
    pub fn open(file: Box<dyn Read + Send>, ignored: &[String]) -> anyhow::Result<Self> {
        let CsvSource { text, separator } = CsvSource::open(file)?;
        let tail = format!("\n{}\n", Uuid::new_v7(Timestamp::now(NoContext))).into_bytes();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(QuoteCheck::new(text.take(MAX_ROW_BYTES).chain(Cursor::new(tail.clone())), separator));
        let (header, record) = (ByteRecord::new(), ByteRecord::new());
        let mut rows = Self { reader, tail, header, columns: Columns::default(), record, misquoted: false };
        let Step::Row { .. } = rows.step()? else { bail!("it is empty, or its header leaves a quote open") };
        ensure!(!rows.misquoted, "a quote in its header is misplaced");
        rows.columns = Columns::of(&rows.record, ignored)?;
        rows.header = rows.record.clone();
        Ok(rows)
    }

    /// Whether the file has a column `max_links`.
    pub const fn have_max_links(&self) -> bool {
        self.columns.have_max_links()
    }

    /// Reads the next rows. `None` at the end of the file.
    pub fn next_batch(&mut self) -> anyhow::Result<Option<Batch>> {
        let mut batch = Batch::default();
        while batch.len() < CODE_BATCH {
            let (line, row) = match self.step()? {
                Step::Row { line } => (line, self.parse_row()),
                Step::OpenQuote { line } => (line, Err(RejectReason::OpenQuote)),
                Step::End => break,
            };
            match row {
                Ok(row) => batch.rows.push((line, row)),
                Err(reason) => {
                    batch.rejected.push(RejectedRow { line, code: self.columns.spelling(&self.record), reason });
                }
            }
        }
        batch.bytes = self.reader.position().byte();
        Ok((batch.len() > 0).then_some(batch))
    }

    fn step(&mut self) -> anyhow::Result<Step> {
        loop {
            if !self.reader.read_byte_record(&mut self.record)? {
                return Ok(Step::End);
            }
            let (end, end_byte) = (self.reader.position().line(), self.reader.position().byte());
            self.misquoted = self.reader.get_mut().take_misplaced(end_byte);
            let (file, _) = self.reader.get_mut().get_mut().get_mut();
            let too_long = file.limit() == 0;
            file.set_limit(MAX_ROW_BYTES);
            let inner = self.record.as_slice().split(|byte| *byte == b'\n').skip(1).count() as u64;
            let last = self.record.iter().next_back().unwrap_or_default();
            let open = last.ends_with(&self.tail);
            let line = end - inner - u64::from(!open);
            ensure!(!too_long, "its row at line {line} is longer than 1 MiB: is a quote left open?");
            match (self.record.len(), last) {
                (1, last) if last == self.tail.trim_ascii() => return Ok(Step::End),
                _ if open => return Ok(Step::OpenQuote { line }),
                // Spreadsheets add such rows.
                _ if self.record.iter().all(|cell| cell.trim_ascii().is_empty()) => {}
                _ => return Ok(Step::Row { line }),
            }
        }
    }

    fn parse_row(&self) -> Result<Row, RejectReason> {
        if self.record == self.header {
            return Err(RejectReason::RepeatedHeader);
        }
        if self.misquoted {
            return Err(RejectReason::MisplacedQuote);
        }
        self.columns.parse(&self.record)
    }
}

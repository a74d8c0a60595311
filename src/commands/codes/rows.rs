//! Reads the rows of a CSV file of codes, and tells of each bad one on which line it is.

use std::io::{Chain, Cursor, Read, Take};

use anyhow::{bail, ensure};
use csv::{ByteRecord, ReaderBuilder, Terminator};
use uuid::{NoContext, Timestamp, Uuid};

use super::{
    BATCH,
    columns::{Columns, Row},
    input::Input,
    rejects::Rejected,
};

/// A row that is longer than this is none: somewhere a quote was left open. It bounds the memory that a row takes.
const MAX_ROW_BYTES: u64 = 1 << 20;

/// The file, to the bound of a row, and then the tail.
type Bounded = Chain<Take<Box<dyn Read + Send>>, Cursor<Vec<u8>>>;

/// The rows of a file.
pub struct Rows {
    // Lines end with \n alone: the reader's other ways lose count of the lines.
    reader: csv::Reader<Bounded>,
    /// What is read after the end of the file, and in no file, since it is new each time. As a row of its own it shows
    /// that the file ended well; inside a row, that a quote was left open.
    tail: Vec<u8>,
    header: ByteRecord,
    columns: Columns,
    record: ByteRecord,
}

/// Rows that go to the database together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The good rows, each with its line.
    pub good: Vec<(u64, Row)>,
    /// The bad rows.
    pub bad: Vec<Rejected>,
    /// How much of the file was read up to the end of this batch.
    pub bytes: u64,
}

impl Batch {
    /// How many rows it has, good and bad.
    pub const fn len(&self) -> usize {
        self.good.len() + self.bad.len()
    }
}

/// What was read.
enum Step {
    Row { line: u64 },
    OpenQuote { line: u64 },
    End,
}

impl Rows {
    /// Reads the header. Columns of the names in `ignored` are ignored.
    pub fn open(file: Box<dyn Read + Send>, ignored: &[String]) -> anyhow::Result<Self> {
        let Input { text, separator } = Input::open(file)?;
        let tail = format!("\n{}\n", Uuid::new_v7(Timestamp::now(NoContext))).into_bytes();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(text.take(MAX_ROW_BYTES).chain(Cursor::new(tail.clone())));
        let (header, record) = (ByteRecord::new(), ByteRecord::new());
        let mut rows = Self { reader, tail, header, columns: Columns::default(), record };
        let Step::Row { .. } = rows.step()? else { bail!("it is empty, or its header leaves a quote open") };
        rows.columns = Columns::of(&rows.record, ignored)?;
        rows.header = rows.record.clone();
        Ok(rows)
    }

    /// Whether each row says how many customers may link its code.
    pub const fn have_max_links(&self) -> bool {
        self.columns.have_max_links()
    }

    /// The next rows; `None` at the end.
    pub fn batch(&mut self) -> anyhow::Result<Option<Batch>> {
        let mut batch = Batch::default();
        while batch.len() < BATCH {
            let (line, row) = match self.step()? {
                Step::Row { line } => (line, self.row()),
                Step::OpenQuote { line } => (line, Err("a quote is left open, to the end of the file".to_owned())),
                Step::End => break,
            };
            match row {
                Ok(row) => batch.good.push((line, row)),
                Err(reason) => {
                    batch.bad.push(Rejected { line, code: self.columns.spelling(&self.record), reason });
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
            let end = self.reader.position().line();
            let (file, _) = self.reader.get_mut().get_mut();
            let too_long = file.limit() == 0;
            file.set_limit(MAX_ROW_BYTES);
            let inner = self.record.as_slice().split(|byte| *byte == b'\n').skip(1).count() as u64;
            let last = self.record.iter().next_back().unwrap_or_default();
            let open = last.ends_with(&self.tail);
            let line = end - inner - u64::from(!open);
            ensure!(!too_long, "its row at line {line} is longer than a mebibyte: is a quote left open?");
            match (self.record.len(), last) {
                (1, last) if last == self.tail.trim_ascii() => return Ok(Step::End),
                _ if open => return Ok(Step::OpenQuote { line }),
                // Spreadsheets add such rows.
                _ if self.record.iter().all(|cell| cell.trim_ascii().is_empty()) => {}
                _ => return Ok(Step::Row { line }),
            }
        }
    }

    fn row(&self) -> Result<Row, String> {
        if self.record == self.header {
            return Err("the header is repeated: is this two files in one?".to_owned());
        }
        self.columns.read(&self.record)
    }
}

//! Reads the rows of a CSV file of codes, and tells of each bad one on which line it is.

use std::io::{Chain, Cursor, Read, Take};

use anyhow::{bail, ensure};
use csv::{ByteRecord, ReaderBuilder, Terminator};
use uuid::{NoContext, Timestamp, Uuid};

use super::{BATCH, rejects::Rejected};
use crate::promotions::{Code, CustomerId};

/// A row that is longer than this is none: somewhere a quote was left open. It bounds the memory that a row takes.
const MAX_ROW_BYTES: u64 = 1 << 20;

/// The file, to the bound of a row, and then the tail.
type Input = Chain<Take<Box<dyn Read + Send>>, Cursor<Vec<u8>>>;

/// The rows of a file.
pub struct Rows {
    // Lines end with \n alone, and a \r before it counts as blank: the reader's other ways lose count of the lines.
    reader: csv::Reader<Input>,
    /// What is read after the end of the file, and in no file, since it is new each time. As a row of its own it shows
    /// that the file ended well; inside a row, that a quote was left open.
    tail: Vec<u8>,
    columns: Columns,
    record: ByteRecord,
}

/// Where what we read stands in a row.
#[derive(Debug, Default)]
struct Columns {
    code: usize,
    customer: Option<usize>,
    count: usize,
}

/// Rows that go to the database together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The lines of the good rows.
    pub lines: Vec<u64>,
    /// Their codes.
    pub codes: Vec<Code>,
    /// The customers that they name.
    pub customers: Vec<Option<CustomerId>>,
    /// The bad rows.
    pub bad: Vec<Rejected>,
    /// How much of the file was read up to the end of this batch.
    pub bytes: u64,
}

impl Batch {
    /// How many rows it has, good and bad.
    pub const fn len(&self) -> usize {
        self.codes.len() + self.bad.len()
    }
}

/// What was read.
enum Step {
    Row { line: u64 },
    OpenQuote { line: u64 },
    End,
}

impl Rows {
    /// Reads the header.
    pub fn open(input: Box<dyn Read + Send>) -> anyhow::Result<Self> {
        let tail = format!("\n{}\n", Uuid::new_v7(Timestamp::now(NoContext))).into_bytes();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(input.take(MAX_ROW_BYTES).chain(Cursor::new(tail.clone())));
        let mut rows = Self { reader, tail, columns: Columns::default(), record: ByteRecord::new() };
        let Step::Row { .. } = rows.step()? else { bail!("it is empty, or its header leaves a quote open") };
        let header: Vec<String> =
            rows.record.iter().map(|name| String::from_utf8_lossy(name).trim().to_lowercase()).collect();
        let column = |wanted| header.iter().position(|name| name == wanted);
        let Some(code) = column("code") else {
            bail!("its header has no column `code`, but `{}`; columns are separated by commas", header.join("`, `"))
        };
        rows.columns = Columns { code, customer: column("customer_id"), count: header.len() };
        Ok(rows)
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
                Ok((code, customer)) => {
                    batch.lines.push(line);
                    batch.codes.push(code);
                    batch.customers.push(customer);
                }
                Err(reason) => batch.bad.push(Rejected { line, code: self.code(), reason }),
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
                // A blank line, which the reader skips where no \r ends it.
                (1, b"\r") => {}
                _ if open => return Ok(Step::OpenQuote { line }),
                _ => return Ok(Step::Row { line }),
            }
        }
    }

    fn row(&self) -> Result<(Code, Option<CustomerId>), String> {
        let Columns { code, customer, count } = self.columns;
        if self.record.len() != count {
            return Err(format!("the row has {} columns, the header {count}", self.record.len()));
        }
        let code = Code::parse(self.field(code)?).map_err(|reason| reason.to_string())?;
        let customer = customer.map_or(Ok(""), |customer| self.field(customer))?.trim();
        if customer.is_empty() {
            return Ok((code, None));
        }
        let number = customer.parse::<i64>().ok().and_then(|number| CustomerId::try_from(number).ok());
        match number {
            Some(customer) => Ok((code, Some(customer))),
            None => Err("the customer_id is malformed: a whole number from 0 to 9007199254740991 is wanted".to_owned()),
        }
    }

    fn field(&self, column: usize) -> Result<&str, String> {
        std::str::from_utf8(&self.record[column]).map_err(|_| "the row is not UTF-8".to_owned())
    }

    /// The code as the row spells it.
    fn code(&self) -> String {
        let code = self.record.get(self.columns.code).unwrap_or_default();
        // No more of it than tells which it is: it may be as long as a row.
        String::from_utf8_lossy(code).trim().chars().take(100).collect()
    }
}

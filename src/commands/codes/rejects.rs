//! The rows that an import could not take, for the person who has to put them right.

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, ensure};

use super::Writing;
use crate::commands::output;

/// Rows that are told of where no file takes them all.
const SHOWN: u64 = 20;

/// A row that can't be taken.
#[derive(Debug)]
pub struct Rejected {
    /// The line of the file that it begins on; the header's is 1.
    pub line: u64,
    /// The code, as the row spells it.
    pub code: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Where rejected rows go: to a file, or the first of them to standard error.
pub struct Rejects {
    writing: Writing,
    file: Option<csv::Writer<File>>,
    first: Vec<Rejected>,
    count: u64,
}

impl Rejects {
    /// Makes the file, if one is wanted.
    pub fn create(path: Option<&Path>, writing: Writing, input: &Path) -> anyhow::Result<Self> {
        let file = path.map(|path| {
            let same =
                fs::canonicalize(path).is_ok_and(|path| fs::canonicalize(input).is_ok_and(|input| input == path));
            ensure!(!same, "--rejects names the file that is imported, which it would replace");
            let mut file = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
            file.write_record(["line", "code", "reason"])?;
            file.flush()?;
            Ok(file)
        });
        Ok(Self { writing, file: file.transpose()?, first: Vec::new(), count: 0 })
    }

    /// How many there were.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Takes the rejected rows of a batch, in the order of their lines.
    pub fn take(&mut self, rows: Vec<Rejected>) -> anyhow::Result<()> {
        for row in rows {
            self.count += 1;
            match &mut self.file {
                Some(file) => file
                    .write_record([&row.line.to_string(), &*self.writing.cell(&row.code), &row.reason])
                    .context("cannot write the rejected rows")?,
                None if self.count <= SHOWN => self.first.push(row),
                None => {}
            }
        }
        match &mut self.file {
            Some(file) => file.flush().context("cannot write the rejected rows"),
            None => Ok(()),
        }
    }

    /// Tells of the first rows, if no file has them.
    pub fn show(&self) {
        for Rejected { line, reason, .. } in &self.first {
            output::remark(format_args!("line {line}: {reason}"));
        }
        if self.file.is_none() && self.count > SHOWN {
            output::remark(format_args!("and {} more; --rejects FILE lists them all", self.count - SHOWN));
        }
    }
}

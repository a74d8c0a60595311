//! Finds misplaced quotes in CSV. The CSV reader accepts them and drops some, so that a cell gets another text.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

/// The place in a cell after a byte. The CSV reader distinguishes the same ones.
#[derive(Debug, Clone, Copy)]
enum Place {
    Start,
    Unquoted,
    Quoted,
    /// After a quote in a quoted cell: the end of the cell, unless another quote follows.
    Closed,
    /// After blanks that follow the end of a quoted cell.
    Padding,
}

/// Passes a text on, and keeps where its misplaced quotes are.
#[derive(Debug)]
pub struct QuoteCheck<R> {
    text: R,
    separator: u8,
    place: Place,
    /// The number of bytes that were passed on.
    passed: u64,
    /// The positions of misplaced quotes, and of bytes that follow the end of a quoted cell.
    misplaced: VecDeque<u64>,
}

impl<R> QuoteCheck<R> {
    pub const fn new(text: R, separator: u8) -> Self {
        Self { text, separator, place: Place::Start, passed: 0, misplaced: VecDeque::new() }
    }

    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.text
    }

    /// Whether quotes are misplaced before this position. Forgets them.
    pub fn take_misplaced(&mut self, end: u64) -> bool {
        let before = self.misplaced.partition_point(|position| *position < end);
        self.misplaced.drain(..before).next().is_some()
    }

    fn check(&mut self, byte: u8) {
        let ends_cell = byte == self.separator || byte == b'\n';
        let (place, misplaced) = match (self.place, byte) {
            (Place::Quoted, b'"') => (Place::Closed, false),
            (Place::Start | Place::Closed, b'"') | (Place::Quoted, _) => (Place::Quoted, false),
            _ if ends_cell => (Place::Start, false),
            (Place::Closed | Place::Padding, b' ' | b'\t') => (Place::Padding, false),
            (Place::Closed | Place::Padding, _) => (Place::Unquoted, true),
            (Place::Start | Place::Unquoted, byte) => (Place::Unquoted, byte == b'"'),
        };
        self.place = place;
        if misplaced {
            self.misplaced.push_back(self.passed);
        }
        self.passed += 1;
    }
}

impl<R: Read> Read for QuoteCheck<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(buffer)?;
        buffer[..read].iter().for_each(|byte| self.check(*byte));
        Ok(read)
    }
}

//! A file as the reader of CSV needs it: text whose lines end with \n, without a byte order mark, and its separator.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use anyhow::ensure;

/// The longest line that is looked at to find the separator.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// A file whose header was looked at.
pub struct Input {
    /// All of the file.
    pub text: Box<dyn Read + Send>,
    /// What separates its columns.
    pub separator: u8,
}

impl Input {
    /// Looks at the header, as far as it takes to tell that this is text, and which separator it has.
    pub fn open(file: Box<dyn Read + Send>) -> anyhow::Result<Self> {
        let mut lines = BufReader::new(Lines { file, after_return: false });
        let mut start = Vec::new();
        while start.trim_ascii().is_empty() && lines.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut start)? > 0
        {
        }
        ensure!(
            !start.starts_with(b"\xff\xfe") && !start.starts_with(b"\xfe\xff"),
            "it is in UTF-16: save it as CSV in UTF-8"
        );
        let header = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).to_vec();
        let is_text = str::from_utf8(&header).is_ok_and(|text| !text.contains(is_binary));
        ensure!(is_text, "its first line is not text in UTF-8: save it as CSV in UTF-8");
        // No column that is read has one of these in its name. Excel writes semicolons where commas are for decimals.
        let separators = [b',', b';', b'\t'].into_iter();
        let separator = separators.clone().find(|separator| header.contains(separator)).unwrap_or(b',');
        Ok(Self { text: Box::new(Cursor::new(header).chain(lines)), separator })
    }
}

fn is_binary(character: char) -> bool {
    character.is_control() && !character.is_ascii_whitespace()
}

/// Lines that end with \n, whether they end with that, with \r or with both.
struct Lines {
    file: Box<dyn Read + Send>,
    after_return: bool,
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.file.read(buffer)?;
            let mut kept = 0;
            for position in 0..read {
                let byte = buffer[position];
                let ends_twice = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if !ends_twice {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // None of what was read may be left, but that would be the end.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

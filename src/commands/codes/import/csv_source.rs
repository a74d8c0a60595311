//! Prepares a file for the CSV reader: detects its encoding and separator, removes a byte order mark, and makes all lines end
//! with \n.

use std::{
    fs::{File, Metadata},
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
};

use anyhow::ensure;

/// The longest header that is read, in bytes.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Opens a file, or standard input for `-`.
pub fn open(file: &Path) -> io::Result<(Box<dyn Read + Send>, Metadata)> {
    // A shell may have redirected a file to standard input.
    let file = if file == Path::new("-") { standard_input()? } else { File::open(file)? };
    let metadata = file.metadata()?;
    Ok((Box::new(file), metadata))
}

#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

/// A prepared file.
pub struct CsvSource {
    /// The whole text, header included.
    pub text: Box<dyn Read + Send>,
    /// The character between columns.
    pub separator: u8,
}

impl CsvSource {
    /// Reads the header. Fails if that is not text in UTF-8.
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
        let mut header = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).to_vec();
        let declared = declared_separator(&header);
        if declared.is_some() {
            // The line stays as an empty one, so that those that follow keep their numbers.
            header.retain(|byte| *byte == b'\n');
            let blank = header.len();
            while header[blank..].trim_ascii().is_empty()
                && lines.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut header)? > 0
            {}
        }
        let is_text = str::from_utf8(&header).is_ok_and(|text| !text.contains(is_binary));
        ensure!(is_text, "its first line is not text in UTF-8: save it as CSV in UTF-8");
        // No column that is read has one of these in its name. Excel writes semicolons where the decimal separator is a comma.
        let separators = [b',', b';', b'\t'].into_iter();
        let found = || separators.clone().find(|separator| header.contains(separator)).unwrap_or(b',');
        let separator = declared.unwrap_or_else(found);
        Ok(Self { text: Box::new(Cursor::new(header).chain(lines)), separator })
    }
}

/// The separator of a line such as `sep=;`, which Excel reads and other programs write for it.
fn declared_separator(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_start();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [name @ .., separator @ (b',' | b';' | b'\t' | b'|')] if name.eq_ignore_ascii_case(b"sep=") => Some(*separator),
        _ => None,
    }
}

fn is_binary(character: char) -> bool {
    character.is_control() && !character.is_ascii_whitespace()
}

/// Replaces line ends \r and \r\n by \n.
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
                let ends_same_line = byte == b'\n' && self.after_return;
                self.after_return = byte == b'\r';
                if !ends_same_line {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // Returning 0 would mean the end of the file.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}

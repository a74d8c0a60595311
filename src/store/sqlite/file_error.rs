//! Why a SQLite file can't be used. SQLite itself says "unable to open database file" for most reasons.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::store::error::{CANNOT_OPEN, OpenError, READ_ONLY};

/// SQLite's message for SQLITE_NOTADB.
const NOT_A_DATABASE: &str = "file is not a database";

/// A SQLite file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder of the file does not exist.
    #[error("the folder {} does not exist: create it, or name a file in another one", .0.display())]
    NoFolder(PathBuf),
    /// The path is that of a folder.
    #[error("{path} is a folder: name a file in it, such as sqlite:{path}/promolink.db", path = .0.display())]
    IsFolder(PathBuf),
    /// The file can't be created.
    #[error("cannot create {}: {error}", path.display())]
    NotCreated {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file exists and can't be opened.
    #[error("cannot open {}: this user needs permission to read and write the file and its folder", .0.display())]
    NotPermitted(PathBuf),
    /// The file, or its folder, can't be written to.
    #[error(
        "{} or its folder can't be written to, which SQLite requires even to read: grant permission, or use a copy",
        .0.display()
    )]
    NotWritable(PathBuf),
    /// The file contains something else.
    #[error("{} is not a SQLite database: name another file, or one that does not exist, to create it", .0.display())]
    NotADatabase(PathBuf),
    /// The file stores text as UTF-16, which SQLite sorts in another order than the program does.
    #[error(
        "the encoding of {} is {encoding}, and UTF-8 is required: name a file that does not exist, to create one",
        path.display()
    )]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Its encoding.
        encoding: String,
    },
}

impl FileError {
    /// Why a file could not be created.
    pub fn not_created(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::NoFolder(folder_of(path)),
            _ => Self::NotCreated { path: path.to_owned(), error },
        }
    }
}

/// Replaces an error by the reason why the file can't be used, if it has one.
///
/// Looks at the path only and opens nothing: closing the file would release the locks that this process has on it.
pub fn explain(path: &Path, error: OpenError) -> OpenError {
    let message = match &error {
        OpenError::Connect(error) => error.to_string(),
        OpenError::Query(error) => error.to_string(),
        _ => return error,
    };
    let path = path.to_owned();
    match message.as_str() {
        CANNOT_OPEN if path.is_dir() => FileError::IsFolder(path),
        CANNOT_OPEN if !folder_of(&path).is_dir() => FileError::NoFolder(folder_of(&path)),
        CANNOT_OPEN => FileError::NotPermitted(path),
        READ_ONLY => FileError::NotWritable(path),
        NOT_A_DATABASE => FileError::NotADatabase(path),
        _ => return error,
    }
    .into()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::store::sqlite::{connect, connect_read_only};

    #[test]
    fn a_file_that_can_t_be_used_is_rejected_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("notes.txt");
        fs::write(&other, "This is not a database. ".repeat(100)).unwrap();
        for (path, reason) in [
            (folder.path().join("nowhere/test.db"), "nowhere does not exist"),
            (folder.path().to_owned(), "is a folder"),
            (other, "is not a SQLite database"),
        ] {
            for opened in [connect(&path), connect_read_only(&path)] {
                let error = opened.err().unwrap().to_string();
                assert!(error.contains(reason), "{error}");
            }
        }
    }
}

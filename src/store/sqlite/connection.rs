//! Connections to a file and their settings.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use diesel::{
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    dsl::sql,
    prelude::*,
    r2d2::CustomizeConnection,
    sql_types::Text,
};

use super::file_error::{FileError, explain};
use crate::store::error::{OpenError, is_locked_out};

/// How long a connection waits for a lock of another process, except the write lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two attempts to switch a new file to a write-ahead log.
const SWITCH_PAUSE: Duration = Duration::from_millis(5);

/// Pause between two attempts to take the write lock. SQLite has no queue for it, and its own pauses grow to 100 ms: a
/// process that writes again and again would starve others.
pub const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Opens a connection that writes with [`write()`] or [`begin`], which wait for other processes in their own way. Creates
/// the file if it does not exist.
pub fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    #[cfg(unix)]
    create_privately(path)?;
    let open = || {
        let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
        wait_for_locks(&mut connection)?;
        ensure_utf8(&mut connection, path)?;
        configure(&mut connection)?;
        connection.batch_execute("PRAGMA busy_timeout = 0;")?;
        Ok(connection)
    };
    open().map_err(|error| explain(path, error))
}

/// Fails for a file that stores text as UTF-16, which SQLite sorts in another order than the program does.
fn ensure_utf8(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let encoding: String = sql::<Text>("SELECT encoding FROM pragma_encoding").get_result(connection)?;
    if encoding == "UTF-8" {
        return Ok(());
    }
    Err(FileError::Encoding { path: path.to_owned(), encoding }.into())
}

/// Begins a transaction with the write lock. While another process holds it, tries again until this moment, and at least
/// once.
pub fn begin(connection: &mut SqliteConnection, until: Instant) -> QueryResult<()> {
    loop {
        match AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE") {
            Err(error) if is_locked_out(&error) && Instant::now() < until => thread::sleep(LOCK_PAUSE),
            done => return done,
        }
    }
}

/// Runs a closure in a transaction that [`begin`] begins.
pub fn write<T, E: From<diesel::result::Error>>(
    connection: &mut SqliteConnection,
    until: Instant,
    work: impl FnOnce(&mut SqliteConnection) -> Result<T, E>,
) -> Result<T, E> {
    begin(connection, until)?;
    match work(connection) {
        Ok(done) => {
            AnsiTransactionManager::commit_transaction(connection)?;
            Ok(done)
        }
        Err(error) => {
            // The first error says more: on a full disk SQLite has rolled back by itself.
            let _ = AnsiTransactionManager::rollback_transaction(connection);
            Err(error)
        }
    }
}

/// Creates the file if it does not exist, readable by its owner only: it contains hashes of API keys, and customers' codes.
/// SQLite would create it readable by everyone, and gives its write-ahead log the mode of the file.
///
/// Does not open a file that exists: closing it would release the locks that this process has on it.
#[cfg(unix)]
fn create_privately(path: &Path) -> Result<(), FileError> {
    use std::{fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt};

    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists || path.exists() => Ok(()),
        Err(error) => Err(FileError::not_created(path, error)),
    }
}

/// Opens the connection that writes for all requests.
///
/// A batch of links changes a hundred pages, most of them different from those of the batch before. By default SQLite caches
/// 2 MB of pages and copies its log into the file at a thousand pages, so it would read and copy every few batches. The log
/// may grow to 16 MB instead.
pub fn connect_to_write(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = connect(path)?;
    connection.batch_execute("PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;")?;
    Ok(connection)
}

/// Opens the connection that applies migrations. Foreign keys are not checked row by row: a migration may change both ends,
/// and finding the promotions of one code reads all of them.
pub fn connect_to_migrate(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = connect(path)?;
    connection.batch_execute("PRAGMA foreign_keys = OFF;")?;
    Ok(connection)
}

/// Opens a connection that reads, and changes nothing about the file.
pub fn connect_read_only(path: &Path) -> Result<SqliteConnection, OpenError> {
    let open = || {
        let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
        wait_for_locks(&mut connection)?;
        // The first statement that reads finds out whether the file can be used.
        connection.batch_execute("SELECT count(*) FROM sqlite_master;")?;
        Ok(connection)
    };
    open().map_err(|error| explain(path, error))
}

/// Opens a connection that checks the whole file, and can change nothing.
pub fn connect_for_check(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = connect_read_only(path)?;
    connection.batch_execute("PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn configure(connection: &mut SqliteConnection) -> QueryResult<()> {
    // First the timeout: all that follows may wait for a lock.
    wait_for_locks(connection)?;
    switch_to_wal(connection)?;
    // FULL: acknowledged changes survive a power cut.
    connection.batch_execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
}

fn wait_for_locks(connection: &mut SqliteConnection) -> QueryResult<()> {
    connection.batch_execute(&format!("PRAGMA busy_timeout = {};", BUSY_TIMEOUT.as_millis()))
}

/// Sets the journal mode, which the file keeps. If two processes switch a new file concurrently, neither could continue, so
/// SQLite fails one of them immediately instead of waiting.
fn switch_to_wal(connection: &mut SqliteConnection) -> QueryResult<()> {
    let started = Instant::now();
    loop {
        match connection.batch_execute("PRAGMA journal_mode = WAL;") {
            Err(error) if is_locked_out(&error) && started.elapsed() < BUSY_TIMEOUT => thread::sleep(SWITCH_PAUSE),
            done => return done,
        }
    }
}

/// Configures the connections of a pool.
#[derive(Debug)]
pub struct Configure;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Configure {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        configure(connection).map_err(diesel::r2d2::Error::QueryError)
    }
}

#[cfg(test)]
mod tests {
    use diesel::{dsl::sql, sql_types::Bool};

    use super::*;

    /// By the option in `.cargo/config.toml`.
    #[test]
    fn bound_values_do_not_make_sqlite_prepare_statements_again() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let option = "EXISTS (SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_QPSG')";
        assert!(diesel::select(sql::<Bool>(option)).get_result::<bool>(&mut connection).unwrap());
    }
}

//! How connections to a file are set.

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

use crate::store::error::{OpenError, is_in_the_way};

/// How long a connection waits for a lock that another process holds, other than the one to write.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait between two tries to switch a new file to its write-ahead log.
const SWITCH_PAUSE: Duration = Duration::from_millis(5);

/// How long to wait between two tries to lock the file. SQLite has no queue for this lock, and its own pauses grow to a
/// tenth of a second: a process that writes again and again would leave others no chance.
pub const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Opens one connection that writes by [`write()`] or [`begin`], which wait for other processes in their own way.
pub fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    #[cfg(unix)]
    create_privately(path);
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
    wait_for_locks(&mut connection)?;
    ensure_utf8(&mut connection)?;
    configure(&mut connection)?;
    connection.batch_execute("PRAGMA busy_timeout = 0;")?;
    Ok(connection)
}

/// Fails where a file stores text as UTF-16, which SQLite would then sort in another order than the program does.
fn ensure_utf8(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let encoding: String = sql::<Text>("SELECT encoding FROM pragma_encoding").get_result(connection)?;
    if encoding == "UTF-8" {
        return Ok(());
    }
    let reason =
        format!("its encoding is {encoding}, and UTF-8 is required: name a file that does not exist, to create one");
    Err(ConnectionError::BadConnection(reason).into())
}

/// Begins a transaction that may write from its first statement on. While another process has locked the file, it tries
/// again until this moment, and once in any case.
pub fn begin(connection: &mut SqliteConnection, until: Instant) -> QueryResult<()> {
    loop {
        match AnsiTransactionManager::begin_transaction_sql(connection, "BEGIN IMMEDIATE") {
            Err(error) if is_in_the_way(&error) && Instant::now() < until => thread::sleep(LOCK_PAUSE),
            done => return done,
        }
    }
}

/// Runs work in a transaction that [`begin`] has begun.
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
            // The first error tells more: on a full disk SQLite has rolled back by itself.
            let _ = AnsiTransactionManager::rollback_transaction(connection);
            Err(error)
        }
    }
}

/// Makes the file where there is none, for its owner alone: it holds hashes of API keys, and customers' codes. SQLite would
/// let everyone read it, and gives its write-ahead log the mode that the file has.
///
/// Where it can't be made, SQLite says why. A file that exists is not opened: closing it would release the locks that this
/// process has on it.
#[cfg(unix)]
fn create_privately(path: &Path) {
    use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt};

    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

/// Opens the connection that writes for all requests.
///
/// A batch of links changes a hundred pages, most of them others than the batch before it. By default SQLite keeps 2 MB
/// of them and copies its log into the file whenever that has a thousand pages, so at a few batches it would do both
/// again and again. The log may grow to 16 MB instead.
pub fn connect_to_write(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = connect(path)?;
    connection.batch_execute("PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;")?;
    Ok(connection)
}

/// Opens the connection that applies migrations. Foreign keys are not checked row by row: a migration may change both ends,
/// and to find the promotions of one code takes a look at all of them.
pub fn connect_to_migrate(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = connect(path)?;
    connection.batch_execute("PRAGMA foreign_keys = OFF;")?;
    Ok(connection)
}

/// Opens one connection that only looks, and makes nothing of the file that it wasn't before.
pub fn look(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
    wait_for_locks(&mut connection)?;
    Ok(connection)
}

/// Opens one connection that reads all of the file, and can change nothing.
pub fn look_over(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = look(path)?;
    connection.batch_execute("PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn configure(connection: &mut SqliteConnection) -> QueryResult<()> {
    // The wait comes first: all that follows may need a lock.
    wait_for_locks(connection)?;
    switch_to_wal(connection)?;
    // FULL: what was acknowledged survives a power cut.
    connection.batch_execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
}

fn wait_for_locks(connection: &mut SqliteConnection) -> QueryResult<()> {
    connection.batch_execute(&format!("PRAGMA busy_timeout = {};", BUSY_TIMEOUT.as_millis()))
}

/// Sets the journal mode, which stays with the file. Two processes that both find a new file and switch it stand in each
/// other's way, and SQLite then fails one of them at once instead of waiting, since neither could go on.
fn switch_to_wal(connection: &mut SqliteConnection) -> QueryResult<()> {
    let started = Instant::now();
    loop {
        match connection.batch_execute("PRAGMA journal_mode = WAL;") {
            Err(error) if is_in_the_way(&error) && started.elapsed() < BUSY_TIMEOUT => thread::sleep(SWITCH_PAUSE),
            done => return done,
        }
    }
}

/// Sets the connections of a pool so.
#[derive(Debug)]
pub struct Configure;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Configure {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        configure(connection).map_err(diesel::r2d2::Error::QueryError)
    }
}

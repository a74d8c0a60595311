//! Adding codes to SQLite, and imports, each on a connection of its own.

use std::{
    collections::HashSet,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use diesel::{
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    prelude::*,
};
use tokio::time::sleep;

use super::{blocking, connect, connection::begin, events, keyed::codes_by_text, link::link};
use crate::{
    promotions::{CodeImport, FoldedCode, NewCode, NewCodes, NewEvent, RowDetails, RowOutcome, StoreError},
    store::{
        error::{OpenError, StoreResult},
        rows::{CodeRow, NewCodeRow, into_domain},
        schema::promotion_codes,
    },
};

/// Adds codes within an open transaction. Returns the new ones.
pub fn add_codes(connection: &mut SqliteConnection, codes: &NewCodes) -> StoreResult<Vec<FoldedCode>> {
    let mut added = Vec::with_capacity(codes.codes.len());
    // In the order of the table, so that neighbours are written while their page is in memory.
    let mut sorted: Vec<&NewCode> = codes.codes.iter().collect();
    sorted.sort_by_key(|new| new.code.folded());
    for new in sorted {
        let rows = diesel::insert_into(promotion_codes::table)
            .values(NewCodeRow::new(codes, new))
            .on_conflict_do_nothing()
            .execute(connection)?;
        if rows == 1 {
            added.push(new.code.folded().clone());
        }
    }
    if let Some(event) = NewEvent::codes_added(codes, added.len()) {
        events::record(connection, &[event])?;
    }
    Ok(added)
}

/// Random codes touch all pages of the tables again and again: 64 MiB of them stay in memory (the default is 2). An import
/// copies its log into the file at half as many pages as a link does, so that no link has to.
const IMPORT_SETTINGS: &str = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 2000;";

/// How long an import waits for the file's lock. Longer than requests do, since no caller waits for it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a bulk operation leaves the file to others between two batches: several times as long as the pause of a
/// process that waits to write.
pub const BATCH_PAUSE: Duration = Duration::from_millis(5);

/// An import. Dropping it closes its connection, which rolls back what was not committed.
pub struct Import {
    /// `None` while a statement runs on a blocking thread, and after a failure.
    connection: Option<SqliteConnection>,
    in_transaction: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the import has failed before")]
struct FailedBefore;

impl Import {
    pub fn begin(path: &Path) -> Result<Self, OpenError> {
        let mut connection = connect(path)?;
        connection.batch_execute(IMPORT_SETTINGS)?;
        Ok(Self { connection: Some(connection), in_transaction: false })
    }

    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let Some(mut connection) = self.connection.take() else {
            return Err(StoreError::Failed(Arc::new(FailedBefore)));
        };
        let (connection, result) = blocking(move || {
            let result = work(&mut connection)?;
            Ok((connection, result))
        })
        .await?;
        self.connection = Some(connection);
        Ok(result)
    }
}

#[async_trait]
impl CodeImport for Import {
    async fn add(&mut self, codes: &NewCodes, rows: &[RowDetails]) -> StoreResult<Vec<RowOutcome>> {
        let begins = !self.in_transaction;
        self.in_transaction = true;
        let (codes, rows) = (codes.clone(), rows.to_vec());
        self.run(move |connection| {
            if begins {
                begin(connection, Instant::now() + LOCK_TIMEOUT)?;
            }
            add_rows(connection, &codes, &rows)
        })
        .await
    }

    async fn commit(&mut self) -> StoreResult<()> {
        if std::mem::take(&mut self.in_transaction) {
            self.run(|connection| Ok(AnsiTransactionManager::commit_transaction(connection)?)).await?;
            sleep(BATCH_PAUSE).await;
        }
        Ok(())
    }
}

fn add_rows(connection: &mut SqliteConnection, codes: &NewCodes, rows: &[RowDetails]) -> StoreResult<Vec<RowOutcome>> {
    let added: HashSet<FoldedCode> = add_codes(connection, codes)?.into_iter().collect();
    let present = codes.present(&added);
    let present = if present.is_empty() {
        Vec::new()
    } else {
        let query = codes_by_text(codes.org, codes.mode, &present);
        into_domain(query.select(CodeRow::as_select()).load(connection)?)?
    };
    let obstacles = codes.obstacles(rows, &present);
    let requests = codes.link_requests(rows, &obstacles);
    let links = if requests.is_empty() { Vec::new() } else { link(connection, &requests, codes.created_on)? };
    Ok(codes.outcomes(rows, added, &obstacles, &requests, links))
}

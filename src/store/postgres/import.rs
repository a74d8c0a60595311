//! Adding codes to PostgreSQL, and imports, each on a connection of its own.

use std::{
    collections::{BTreeSet, HashSet},
    mem,
    sync::Arc,
};

use async_trait::async_trait;
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, TransactionManager};

use super::{
    connection::{Connection, Writes, connect},
    events,
    keyed::codes_by_text,
    link::link_in_transaction,
    numbering::Outbox,
    statements,
};
use crate::{
    promotions::{CodeImport, FoldedCode, NewCodes, NewEvent, OrgId, RowDetails, RowOutcome},
    store::{
        error::{OpenError, StoreResult},
        rows::{CodeRow, into_domain},
    },
};

/// Adds codes. Returns the new ones.
pub async fn add_codes(connection: &mut AsyncPgConnection, codes: &NewCodes) -> StoreResult<Vec<FoldedCode>> {
    let added: Vec<String> = statements::InsertCodes::new(codes).load(connection).await?;
    if let Some(event) = NewEvent::codes_added(codes, added.len()) {
        events::record(connection, &[event]).await?;
    }
    Ok(added.into_iter().map(FoldedCode::from_stored).collect())
}

/// No request waits for an import, and its file may arrive slowly.
const IMPORT_SETTINGS: &str = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '5min'";

/// An import. Dropping it closes its connection, which rolls back what was not committed.
pub struct Import {
    connection: Connection,
    outbox: Arc<Outbox>,
    /// The organisations of which the open transaction adds codes.
    orgs: BTreeSet<OrgId>,
    in_transaction: bool,
}

impl Import {
    pub async fn begin(url: &str, outbox: Arc<Outbox>) -> Result<Self, OpenError> {
        let mut connection = connect(url, Writes::Required).await?;
        connection.batch_execute(IMPORT_SETTINGS).await?;
        Ok(Self { connection, outbox, orgs: BTreeSet::new(), in_transaction: false })
    }
}

#[async_trait]
impl CodeImport for Import {
    async fn add(&mut self, codes: &NewCodes, rows: &[RowDetails]) -> StoreResult<Vec<RowOutcome>> {
        let begins = !mem::replace(&mut self.in_transaction, true);
        self.orgs.insert(codes.org);
        let added = add_rows(&mut self.connection, begins, codes, rows).await;
        added.map_err(|error| self.connection.classify(error))
    }

    async fn commit(&mut self) -> StoreResult<()> {
        if mem::take(&mut self.in_transaction) {
            let committed = AnsiTransactionManager::commit_transaction(&mut *self.connection).await;
            committed.map_err(|error| self.connection.classify(error.into()))?;
            self.outbox.wake(mem::take(&mut self.orgs));
        }
        Ok(())
    }
}

async fn add_rows(
    connection: &mut Connection,
    begins: bool,
    codes: &NewCodes,
    rows: &[RowDetails],
) -> StoreResult<Vec<RowOutcome>> {
    if begins {
        AnsiTransactionManager::begin_transaction(&mut **connection).await?;
    }
    let added: HashSet<FoldedCode> = add_codes(connection, codes).await?.into_iter().collect();
    let present = codes.present(&added);
    let present = if present.is_empty() {
        Vec::new()
    } else {
        into_domain::<CodeRow, _>(codes_by_text(codes.org, codes.mode, &present).load(connection).await?)?
    };
    let obstacles = codes.obstacles(rows, &present);
    let requests = codes.link_requests(rows, &obstacles);
    let links = if requests.is_empty() {
        Vec::new()
    } else {
        link_in_transaction(connection, &requests, codes.created_on).await?
    };
    Ok(codes.outcomes(rows, added, &obstacles, &requests, links))
}

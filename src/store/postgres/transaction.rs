//! Transactions of changes.

use diesel_async::{AnsiTransactionManager, AsyncPgConnection, SimpleAsyncConnection, TransactionManager};

use super::statements::LIMIT_LOCK_WAITS;
use crate::store::error::StoreResult;

/// Runs a closure in a transaction, which is rolled back if the closure fails.
pub async fn run<T>(
    connection: &mut AsyncPgConnection,
    is_distributed: bool,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> StoreResult<T>,
) -> StoreResult<T> {
    AnsiTransactionManager::begin_transaction(connection).await?;
    match work_in_transaction(connection, is_distributed, work).await {
        Ok(done) => {
            AnsiTransactionManager::commit_transaction(connection).await?;
            Ok(done)
        }
        Err(error) => {
            // The first error says more.
            let _ = AnsiTransactionManager::rollback_transaction(connection).await;
            Err(error)
        }
    }
}

async fn work_in_transaction<T>(
    connection: &mut AsyncPgConnection,
    is_distributed: bool,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> StoreResult<T>,
) -> StoreResult<T> {
    if is_distributed {
        connection.batch_execute(LIMIT_LOCK_WAITS).await?;
    }
    work(connection).await
}

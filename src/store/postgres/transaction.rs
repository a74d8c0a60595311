//! Transactions of changes.

use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};

use crate::store::error::StoreResult;

/// Runs a closure in a transaction, which is rolled back if the closure fails.
pub async fn run<T>(
    connection: &mut AsyncPgConnection,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> StoreResult<T>,
) -> StoreResult<T> {
    AnsiTransactionManager::begin_transaction(connection).await?;
    match work(connection).await {
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

//! The budgets of failed links that servers share.

use std::{sync::LazyLock, time::Duration};

use async_trait::async_trait;
use diesel::QueryResult;
use diesel_async::RunQueryDsl;
use tokio::time::timeout;

use super::{PostgresStore, pipeline::pipeline, statements};
use crate::{
    auth::{SharedBudgets, Spent},
    promotions::{OrgId, StoreError, Timestamp},
    store::error::StoreResult,
    telemetry::LogThrottle,
};

/// How long a failed link waits for the shared budgets.
const TIMEOUT: Duration = Duration::from_secs(1);

#[async_trait]
impl SharedBudgets for PostgresStore {
    async fn spend(&self, org: OrgId, spent: &[Spent], now: Timestamp) -> Vec<(String, Timestamp)> {
        let refilling = self.run(async |connection| {
            let connection = &*connection;
            let refills = pipeline(spent.iter().map(async |spent| {
                statements::SpendBudget::new(org, spent, now).get_result::<(String, i64)>(&mut &*connection).await
            }));
            Ok(refills.await.into_iter().collect::<QueryResult<Vec<_>>>()?)
        });
        let refilled = timeout(TIMEOUT, refilling).await.unwrap_or(Err(StoreError::Overloaded));
        let refilled = logged(refilled).unwrap_or_default();
        refilled.into_iter().map(|(budget, on)| (budget, Timestamp::from_millis(on))).collect()
    }

    async fn remove_full(&self, now: Timestamp) {
        let statement = statements::RemoveFullBudgets { now: now.millis() };
        logged(self.run(async |connection| Ok(statement.execute(connection).await?)).await);
    }
}

fn logged<T>(result: StoreResult<T>) -> Option<T> {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    let log = |error: &StoreError| {
        if let Some(left_out) = THROTTLE.allow_line() {
            tracing::warn!(%error, left_out, "budgets of failed links can't be shared: this server counts for itself");
        }
    };
    result.inspect_err(log).ok()
}

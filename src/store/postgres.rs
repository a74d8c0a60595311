//! PostgreSQL, the production store: any number of server processes on one database.

mod api_keys;
mod campaigns;
mod connection;
mod distribution;
mod events;
mod external_pooler;
mod hosts;
mod import;
mod keyed;
mod lateral_join;
mod link;
mod liveness;
mod numbering;
mod paged;
mod pipeline;
mod pool;
mod pool_metrics;
mod reads;
mod repository;
mod session;
mod shared_budgets;
mod socket;
mod sqlstate;
mod statements;
mod tls;
mod transaction;
mod transaction_guard;
mod url;
mod webhooks;
mod writes;

use std::sync::Arc;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio_util::task::AbortOnDropHandle;

use self::{
    connection::{Connection, connect_for_requests},
    numbering::Outbox,
    pool::{Connections, Pooled},
};
pub use self::{
    connection::{Writes, connect_for_check, establish},
    distribution::{Distribution, DistributionError, Extent, distribute, ensure_not_on_worker, extent},
    external_pooler::ensure_own_sessions,
    url::{UrlError, parse as parse_url},
};
use super::{
    error::{OpenError, StoreResult},
    readiness::Space,
};
use crate::{
    auth::Secret,
    promotions::{OrgId, StoreError},
};

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    url: Secret,
    connections: Arc<Connections>,
    outbox: Arc<Outbox>,
    /// Numbers events, unless the database is a replica.
    _numbering: Option<AbortOnDropHandle<()>>,
    space: Arc<Space>,
    distribution: Option<Distribution>,
}

impl PostgresStore {
    /// Opens the database at a URL, after a test connection. The database may be read-only for now.
    pub async fn open(url: &Secret) -> Result<Self, OpenError> {
        let mut connection = connect_for_requests(url.expose(), Writes::Optional).await?;
        let distribution =
            if connection.is_distributed { Some(distribution::distribution(&mut connection).await?) } else { None };
        Self::new(url, Writes::Required, distribution)
    }

    /// A store for reading, in a database that may be read-only, or unavailable for now.
    pub fn replica(url: &Secret) -> Result<Self, OpenError> {
        Self::new(url, Writes::Optional, None)
    }

    fn new(url: &Secret, writes: Writes, distribution: Option<Distribution>) -> Result<Self, OpenError> {
        let connections = Arc::new(Connections::new(url, writes, distribution.is_some())?);
        let outbox = Arc::default();
        let number =
            || AbortOnDropHandle::new(tokio::spawn(numbering::run(Arc::clone(&connections), Arc::clone(&outbox))));
        let numbering = (writes == Writes::Required).then(number);
        Ok(Self { url: url.clone(), connections, outbox, _numbering: numbering, space: Arc::default(), distribution })
    }

    /// When the database was last full.
    pub fn space(&self) -> Arc<Space> {
        Arc::clone(&self.space)
    }

    /// How the tables are distributed over several servers, if they are.
    pub const fn distribution(&self) -> Option<Distribution> {
        self.distribution
    }

    /// Succeeds if the database responds.
    pub async fn ping(&self) -> StoreResult<()> {
        self.run(async |connection| Ok(connection.batch_execute("SELECT 1").await?)).await
    }

    /// Runs a closure on a connection, and classifies its errors. Closes the connection if it is broken, or leads to a
    /// server that has become a standby.
    async fn run<T>(&self, work: impl AsyncFnOnce(&mut AsyncPgConnection) -> StoreResult<T>) -> StoreResult<T> {
        let mut connection = self.connections.get().await?;
        let done = work(&mut connection).await.map_err(|error| self.classify(&connection, error));
        if matches!(done, Err(StoreError::Unavailable(_))) {
            drop(Pooled::take(connection));
        }
        done
    }

    /// Runs a closure in a transaction that changes something of an organisation, and has its events numbered.
    async fn change<T>(
        &self,
        org: OrgId,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> StoreResult<T>,
    ) -> StoreResult<T> {
        let changed = self.transaction(work).await;
        if changed.is_ok() {
            self.outbox.wake([org]);
        }
        changed
    }

    /// Runs a closure in a transaction.
    async fn transaction<T>(&self, work: impl AsyncFnOnce(&mut AsyncPgConnection) -> StoreResult<T>) -> StoreResult<T> {
        let is_distributed = self.connections.is_distributed;
        self.run(async |connection| transaction::run(connection, is_distributed, work).await).await
    }

    fn classify(&self, connection: &Connection, error: StoreError) -> StoreError {
        let error = connection.classify(error);
        self.space.note(&error);
        error
    }
}

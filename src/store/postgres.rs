//! PostgreSQL, the production store: any number of server processes on one database.

mod api_keys;
mod campaigns;
mod connection;
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
mod pool;
mod pool_metrics;
mod reads;
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

use async_trait::async_trait;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio_util::task::AbortOnDropHandle;

use self::{
    connection::{Connection, connect_for_requests},
    numbering::Outbox,
    pool::{Connections, Pooled},
    transaction_guard::TransactionGuard,
};
pub use self::{
    connection::{Writes, connect_for_check, establish},
    external_pooler::ensure_own_sessions,
    url::{UrlError, parse as parse_url},
};
use super::{
    error::{OpenError, StoreResult},
    readiness::Space,
};
use crate::{
    auth::Secret,
    promotions::{
        Attribution, CampaignChange, CampaignId, CampaignRejection, CampaignWithContent, CodeImport, CodeKey,
        FoldedCode, LinkCheck, LinkOutcome, LinkRepository, LinkRequest, NewCodes, OnLocked, OrgId, Promotion,
        PromotionCode, PromotionId, PromotionRepository, RedeemOutcome, RedeemRequest, Redemption, RedemptionId,
        StoreError, Timestamp,
    },
};

/// How often a redemption is tried if another one takes its transaction id concurrently. The second attempt finds the
/// other one, unless that was rolled back.
const REDEEM_ATTEMPTS: u32 = 3;

#[derive(Debug, thiserror::Error)]
#[error("other redemptions took the transaction id, {REDEEM_ATTEMPTS} times")]
struct TransactionIdTaken;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    url: Secret,
    connections: Arc<Connections>,
    outbox: Arc<Outbox>,
    /// Numbers events, unless the database is a replica.
    _numbering: Option<AbortOnDropHandle<()>>,
    space: Arc<Space>,
}

impl PostgresStore {
    /// Opens the database at a URL, after a test connection. The database may be read-only for now.
    pub async fn open(url: &Secret) -> Result<Self, OpenError> {
        connect_for_requests(url.expose(), Writes::Optional).await?;
        Self::new(url, Writes::Required)
    }

    /// A store for reading, in a database that may be read-only, or unavailable for now.
    pub fn replica(url: &Secret) -> Result<Self, OpenError> {
        Self::new(url, Writes::Optional)
    }

    fn new(url: &Secret, writes: Writes) -> Result<Self, OpenError> {
        let connections = Arc::new(Connections::new(url, writes)?);
        let outbox = Arc::default();
        let number =
            || AbortOnDropHandle::new(tokio::spawn(numbering::run(Arc::clone(&connections), Arc::clone(&outbox))));
        let numbering = (writes == Writes::Required).then(number);
        Ok(Self { url: url.clone(), connections, outbox, _numbering: numbering, space: Arc::default() })
    }

    /// When the database was last full.
    pub fn space(&self) -> Arc<Space> {
        Arc::clone(&self.space)
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
        let changed = self.run(async |connection| transaction::run(connection, work).await).await;
        if changed.is_ok() {
            self.outbox.wake([org]);
        }
        changed
    }

    fn classify(&self, connection: &Connection, error: StoreError) -> StoreError {
        let error = connection.reported.classify(error);
        self.space.note(&error);
        error
    }
}

#[async_trait]
impl LinkRepository for PostgresStore {
    async fn link(
        &self,
        requests: &[LinkRequest],
        on_locked: OnLocked,
        now: Timestamp,
    ) -> StoreResult<Vec<Option<LinkOutcome>>> {
        let guard = TransactionGuard::new(self.connections.for_links().await?);
        let connection = guard.connection();
        let linked = link::link(connection, requests, on_locked, now).await;
        let linked = linked.map_err(|error| self.classify(connection, error));
        let reusable = match linked {
            Ok(_) => true,
            Err(StoreError::Unavailable(_)) => false,
            Err(_) => (&mut &**connection).batch_execute("ROLLBACK").await.is_ok(),
        };
        if reusable {
            guard.release();
        }
        if let Ok(outcomes) = &linked {
            self.outbox.wake(link::orgs_with_new_links(requests, outcomes));
        }
        linked
    }

    fn link_workers(&self) -> usize {
        pool::LINK_WORKERS
    }

    fn lock_waiters(&self) -> usize {
        pool::LOCK_WAITERS
    }
}

#[async_trait]
impl PromotionRepository for PostgresStore {
    async fn check_links(&self, requests: &[LinkRequest], now: Timestamp) -> StoreResult<Vec<LinkCheck>> {
        self.run(async |connection| link::check_links(connection, requests, now).await).await
    }

    async fn redeem(&self, request: &RedeemRequest, now: Timestamp) -> StoreResult<RedeemOutcome> {
        for _ in 0..REDEEM_ATTEMPTS {
            let outcome =
                self.change(request.key.org, async |connection| writes::redeem(connection, request, now).await).await?;
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
        Err(StoreError::Contended(Arc::new(TransactionIdTaken)))
    }

    async fn reverse(
        &self,
        org: OrgId,
        id: RedemptionId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Redemption>> {
        self.change(org, async |connection| writes::reverse(connection, org, id, by, now).await).await
    }

    async fn unlink(
        &self,
        org: OrgId,
        id: PromotionId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Promotion>> {
        self.change(org, async |connection| writes::unlink(connection, org, id, by, now).await).await
    }

    async fn revoke(&self, key: &CodeKey, by: &Attribution, now: Timestamp) -> StoreResult<Option<PromotionCode>> {
        self.change(key.org, async |connection| writes::revoke(connection, key, by, now).await).await
    }

    async fn create_campaign(&self, campaign: &CampaignWithContent, by: &Attribution) -> StoreResult<()> {
        self.change(campaign.campaign.org, async |connection| campaigns::create(connection, campaign, by).await).await
    }

    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Result<CampaignWithContent, CampaignRejection>>> {
        self.change(org, async |connection| campaigns::update(connection, org, id, change, by, now).await).await
    }

    async fn add_codes(&self, codes: &NewCodes) -> StoreResult<Vec<FoldedCode>> {
        self.change(codes.org, async |connection| import::add_codes(connection, codes).await).await
    }

    async fn import(&self) -> StoreResult<Box<dyn CodeImport>> {
        Ok(Box::new(import::Import::begin(self.url.expose(), Arc::clone(&self.outbox)).await?))
    }

    async fn seed(
        &self,
        org: OrgId,
        campaigns: &[CampaignWithContent],
        codes: &[PromotionCode],
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.change(org, async |connection| writes::seed(connection, org, campaigns, codes, now).await).await
    }
}

//! PostgreSQL, the production store: any number of server processes on one database.

mod api_keys;
mod connection;
mod external_pooler;
mod hosts;
mod import;
mod keyed;
mod lateral_join;
mod link;
mod liveness;
mod paged;
mod pool;
mod pool_metrics;
mod reads;
mod session;
mod socket;
mod sqlstate;
mod statements;
mod tls;
mod transaction_guard;
mod url;
mod writes;

use std::sync::Arc;

use async_trait::async_trait;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use self::{
    connection::{Connection, connect_for_requests},
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
    keyed::has_campaigns,
    readiness::Space,
    rows::{CampaignRow, CodeRow, OrganisationRow},
    schema::{campaigns, organisations, promotion_codes},
};
use crate::{
    auth::Secret,
    promotions::{
        Campaign, CampaignChange, CampaignId, CodeImport, CodeKey, FoldedCode, InvalidCampaign, LinkOutcome,
        LinkRepository, LinkRequest, NewCodes, OnLocked, OrgId, Promotion, PromotionCode, PromotionId,
        PromotionRepository, RedeemOutcome, RedeemRequest, Redemption, RedemptionId, StoreError, Timestamp,
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
    connections: Connections,
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
        Ok(Self { url: url.clone(), connections: Connections::new(url, writes)?, space: Arc::default() })
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
    async fn redeem(&self, request: &RedeemRequest, now: Timestamp) -> StoreResult<RedeemOutcome> {
        for _ in 0..REDEEM_ATTEMPTS {
            let outcome = self
                .run(async |connection| {
                    connection.transaction(async |connection| writes::redeem(connection, request, now).await).await
                })
                .await?;
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
        Err(StoreError::Contended(Arc::new(TransactionIdTaken)))
    }

    async fn reverse(&self, org: OrgId, id: RedemptionId, now: Timestamp) -> StoreResult<Option<Redemption>> {
        self.run(async |connection| {
            connection.transaction(async |connection| writes::reverse(connection, org, id, now).await).await
        })
        .await
    }

    async fn unlink(&self, org: OrgId, id: PromotionId, now: Timestamp) -> StoreResult<Option<Promotion>> {
        self.run(async |connection| {
            connection.transaction(async |connection| writes::unlink(connection, org, id, now).await).await
        })
        .await
    }

    async fn revoke(&self, key: &CodeKey, now: Timestamp) -> StoreResult<Option<PromotionCode>> {
        self.run(async |connection| {
            connection.transaction(async |connection| writes::revoke(connection, key, now).await).await
        })
        .await
    }

    async fn create_campaign(&self, campaign: &Campaign) -> StoreResult<()> {
        let row = CampaignRow::from(campaign);
        self.run(async |connection| {
            diesel::insert_into(campaigns::table).values(row).execute(connection).await?;
            Ok(())
        })
        .await
    }

    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
    ) -> StoreResult<Option<Result<Campaign, InvalidCampaign>>> {
        self.run(async |connection| {
            connection.transaction(async |connection| writes::update_campaign(connection, org, id, change).await).await
        })
        .await
    }

    async fn add_codes(&self, codes: &NewCodes) -> StoreResult<Vec<FoldedCode>> {
        self.run(async |connection| import::add_codes(connection, codes).await).await
    }

    async fn import(&self) -> StoreResult<Box<dyn CodeImport>> {
        Ok(Box::new(import::Import::begin(self.url.expose()).await?))
    }

    async fn seed(
        &self,
        org: OrgId,
        campaigns: &[Campaign],
        codes: &[PromotionCode],
        now: Timestamp,
    ) -> StoreResult<bool> {
        let campaign_rows: Vec<CampaignRow> = campaigns.iter().map(Into::into).collect();
        let code_rows: Vec<CodeRow> = codes.iter().map(Into::into).collect();
        let organisation = OrganisationRow::new(org, now);
        self.run(async |connection| {
            connection
                .transaction(async |connection| {
                    // Several processes may start concurrently.
                    statements::AdvisoryLocks::organisation(org).execute(connection).await?;
                    if diesel::select(has_campaigns(org.get())).get_result(connection).await? {
                        return Ok(false);
                    }
                    diesel::insert_into(organisations::table)
                        .values(organisation)
                        .on_conflict_do_nothing()
                        .execute(connection)
                        .await?;
                    diesel::insert_into(campaigns::table).values(campaign_rows).execute(connection).await?;
                    diesel::insert_into(promotion_codes::table).values(code_rows).execute(connection).await?;
                    Ok(true)
                })
                .await
        })
        .await
    }
}

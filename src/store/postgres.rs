//! PostgreSQL, the production store: any number of server processes on one database.

mod api_keys;
mod changes;
mod connection;
mod figures;
mod import;
mod lease;
mod link;
mod look_ups;
mod pool;
mod pooler;
mod statements;
mod tls;
mod url;

use async_trait::async_trait;
use diesel_async::{
    AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, pooled_connection::deadpool::Object,
};

use self::{connection::connect_for_requests, lease::Lease, pool::Connections};
pub use self::{
    connection::{establish, look_over},
    pooler::ensure_own_sessions,
    url::parse as parse_url,
};
use super::{
    error::{OpenError, StoreResult},
    lists, queries,
    rows::{CampaignRow, CodeRow, OrganisationRow, PromotionRow, RedemptionRow, into_domain},
    schema::{campaigns, organisations, promotion_codes},
};
use crate::{
    auth::Secret,
    promotions::{
        Campaign, CampaignChange, CampaignId, CodeImport, CodeKey, CustomerId, FoldedCode, InvalidCampaign,
        LinkOutcome, LinkRepository, LinkRequest, NewCodes, OnLocked, OrgId, Promotion, PromotionCode, PromotionId,
        PromotionMode, PromotionRepository, RedeemOutcome, RedeemRequest, Redemption, RedemptionId, Start, StoreError,
        Timestamp, WalletFilter,
    },
};

/// How often a redemption is tried when another one takes its transaction id at the same moment. The second time, the
/// other one is there to be read.
const REDEEM_ATTEMPTS: u32 = 3;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    url: Secret,
    connections: Connections,
}

impl PostgresStore {
    /// Opens the database with this URL, and makes sure that it answers.
    pub async fn open(url: &Secret) -> Result<Self, OpenError> {
        connect_for_requests(url.expose()).await?;
        Ok(Self { url: url.clone(), connections: Connections::to(url)? })
    }

    async fn connection(&self) -> StoreResult<Object<AsyncPgConnection>> {
        self.connections.get().await
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
        let lease = Lease::new(self.connections.for_links().await?);
        let linked = link::link(lease.connection(), requests, on_locked, now).await;
        if linked.is_ok() || lease.connection().batch_execute("ROLLBACK").await.is_ok() {
            lease.give_back();
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
            let mut connection = self.connection().await?;
            let outcome =
                connection.transaction(async |connection| changes::redeem(connection, request, now).await).await?;
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
        Err(StoreError::Overloaded)
    }

    async fn reverse(&self, org: OrgId, id: RedemptionId, now: Timestamp) -> StoreResult<Option<Redemption>> {
        self.connection().await?.transaction(async |connection| changes::reverse(connection, org, id, now).await).await
    }

    async fn unlink(&self, org: OrgId, id: PromotionId, now: Timestamp) -> StoreResult<Option<Promotion>> {
        self.connection().await?.transaction(async |connection| changes::unlink(connection, org, id, now).await).await
    }

    async fn revoke(&self, key: &CodeKey, now: Timestamp) -> StoreResult<Option<PromotionCode>> {
        self.connection().await?.transaction(async |connection| changes::revoke(connection, key, now).await).await
    }

    async fn create_campaign(&self, campaign: &Campaign) -> StoreResult<()> {
        let row = CampaignRow::from(campaign);
        diesel::insert_into(campaigns::table).values(row).execute(&mut self.connection().await?).await?;
        Ok(())
    }

    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
    ) -> StoreResult<Option<Result<Campaign, InvalidCampaign>>> {
        self.connection()
            .await?
            .transaction(async |connection| changes::update_campaign(connection, org, id, change).await)
            .await
    }

    async fn add_codes(&self, codes: &NewCodes) -> StoreResult<Vec<FoldedCode>> {
        import::add_codes(&mut *self.connection().await?, codes).await
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
        self.connection()
            .await?
            .transaction(async |connection| {
                // Two processes may start at once.
                statements::AdvisoryLocks::organisation(org).execute(connection).await?;
                if diesel::select(queries::has_campaigns(org.get())).get_result(connection).await? {
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
    }

    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> StoreResult<Vec<Promotion>> {
        let query = look_ups::promotions_by_id(org, ids);
        into_domain::<PromotionRow, _>(query.load(&mut self.connection().await?).await?)
    }

    async fn codes(&self, org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> StoreResult<Vec<PromotionCode>> {
        let query = look_ups::codes_by_text(org, mode, folded);
        into_domain::<CodeRow, _>(query.load(&mut self.connection().await?).await?)
    }

    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> StoreResult<Vec<Campaign>> {
        let query = look_ups::campaigns_by_id(org, ids);
        into_domain::<CampaignRow, _>(query.load(&mut self.connection().await?).await?)
    }

    async fn count_codes(&self, org: OrgId, mode: PromotionMode, beginning: &str, at_most: u64) -> StoreResult<u64> {
        let query = queries::count_codes(org, mode, beginning, at_most);
        Ok(u64::try_from(query.get_result::<i64>(&mut self.connection().await?).await?)?)
    }

    async fn campaign_pages(
        &self,
        org: OrgId,
        afters: &[Option<CampaignId>],
        limit: u32,
    ) -> StoreResult<Vec<Campaign>> {
        let rows = look_ups::campaign_pages(org, afters, limit).load(&mut self.connection().await?).await?;
        lists::sorted::<CampaignRow, _, _>(rows, lists::newest_first)
    }

    async fn codes_of_campaigns(
        &self,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        limit: u32,
    ) -> StoreResult<Vec<PromotionCode>> {
        let rows = look_ups::codes_of_campaigns(org, starts, limit).load(&mut self.connection().await?).await?;
        lists::sorted::<CodeRow, _, _>(rows, lists::by_text)
    }

    async fn holds_of_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        starts: &[Start<FoldedCode, CustomerId>],
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        let rows = look_ups::holds_of_codes(org, mode, starts, limit).load(&mut self.connection().await?).await?;
        lists::sorted::<PromotionRow, _, _>(rows, lists::by_customer)
    }

    async fn wallets(
        &self,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: WalletFilter,
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        let rows = look_ups::wallets(org, starts, filter, limit).load(&mut self.connection().await?).await?;
        lists::sorted::<PromotionRow, _, _>(rows, lists::latest_first)
    }

    async fn redemptions_of_promotions(
        &self,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        limit: u32,
    ) -> StoreResult<Vec<Redemption>> {
        let rows = look_ups::redemptions_of_promotions(org, starts, limit).load(&mut self.connection().await?).await?;
        lists::sorted::<RedemptionRow, _, _>(rows, lists::oldest_first)
    }
}

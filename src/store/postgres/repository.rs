//! The repositories of promotions, implemented with the functions of the other modules.

use std::sync::Arc;

use async_trait::async_trait;
use diesel_async::SimpleAsyncConnection;

use super::{PostgresStore, campaigns, import, link, pool, transaction_guard::TransactionGuard, writes};
use crate::{
    promotions::{
        Attribution, CampaignChange, CampaignId, CampaignRejection, CampaignWithContent, CodeImport, CodeKey,
        FoldedCode, LinkCheck, LinkOutcome, LinkRepository, LinkRequest, NewCodes, OnLocked, OrgId, Promotion,
        PromotionCode, PromotionId, PromotionRepository, RedeemOutcome, RedeemRequest, Redemption, RedemptionId,
        StoreError, Timestamp,
    },
    store::error::StoreResult,
};

/// How often a redemption is tried if another one takes its transaction id concurrently. The second attempt finds the
/// other one, unless that was rolled back.
const REDEEM_ATTEMPTS: u32 = 3;

#[derive(Debug, thiserror::Error)]
#[error("other redemptions took the transaction id, {REDEEM_ATTEMPTS} times")]
struct TransactionIdTaken;

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
        self.connections.link_workers()
    }

    fn mixes_organisations(&self) -> bool {
        !self.connections.is_distributed
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

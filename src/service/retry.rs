//! Retries operations that a restarting database or another transaction has interrupted.
//!
//! The service uses its store only through [`Retrying`], so that no caller can forget to retry.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::promotions::{
    Attribution, Campaign, CampaignChange, CampaignId, CampaignRejection, CampaignWithContent, CodeImport, CodeKey,
    CustomerId, FoldedCode, LinkCheck, LinkKey, LinkOutcome, LinkRepository, LinkRequest, NewCodes, OnLocked, OrgId,
    Promotion, PromotionCode, PromotionId, PromotionMode, PromotionReads, PromotionRepository, RedeemOutcome,
    RedeemRequest, Redemption, RedemptionId, Start, StoreError, Timestamp, WalletFilter,
};

/// The pauses between attempts. A broken connection is replaced immediately. A database that restarts may take longer, but
/// then callers should get an error soon.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

/// Operations that took longer in total are not retried: the caller has waited long enough.
const RETRY_WINDOW: Duration = Duration::from_secs(1);

/// Runs an idempotent operation, up to three times.
pub async fn retry<T, W: Future<Output = Result<T, StoreError>>>(
    operation: impl FnMut() -> W,
) -> Result<T, StoreError> {
    retry_if(|error| matches!(error, StoreError::Unavailable(_) | StoreError::Contended(_)), operation).await
}

/// Runs an idempotent operation, and again after errors that match, up to three times.
pub async fn retry_if<T, W: Future<Output = Result<T, StoreError>>>(
    is_retryable: impl Fn(&StoreError) -> bool,
    mut operation: impl FnMut() -> W,
) -> Result<T, StoreError> {
    let started = Instant::now();
    for pause in PAUSES {
        match operation().await {
            Err(error) if is_retryable(&error) && started.elapsed() < RETRY_WINDOW => sleep(pause).await,
            result => return result,
        }
    }
    operation().await
}

/// Runs an operation that is not idempotent, and again if the failed attempt did nothing, up to three times.
async fn retry_if_undone<T, W: Future<Output = Result<T, StoreError>>>(
    operation: impl FnMut() -> W,
) -> Result<T, StoreError> {
    retry_if(|error| matches!(error, StoreError::Contended(_)), operation).await
}

/// A store that retries: reads and idempotent changes whenever they were interrupted, other changes only if the failed attempt
/// did nothing.
pub struct Retrying<R: ?Sized>(pub Arc<R>);

#[async_trait]
impl<R: PromotionReads + ?Sized> PromotionReads for Retrying<R> {
    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> Result<Vec<Promotion>, StoreError> {
        retry(|| self.0.promotions(org, ids)).await
    }

    async fn codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        folded: &[FoldedCode],
    ) -> Result<Vec<PromotionCode>, StoreError> {
        retry(|| self.0.codes(org, mode, folded)).await
    }

    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> Result<Vec<Campaign>, StoreError> {
        retry(|| self.0.campaigns(org, ids)).await
    }

    async fn campaign_contents(
        &self,
        org: OrgId,
        ids: &[CampaignId],
    ) -> Result<Vec<(CampaignId, Result<CampaignWithContent, StoreError>)>, StoreError> {
        retry(|| self.0.campaign_contents(org, ids)).await
    }

    async fn held_promotions(&self, org: OrgId, keys: &[LinkKey]) -> Result<Vec<Promotion>, StoreError> {
        retry(|| self.0.held_promotions(org, keys)).await
    }

    async fn count_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        beginning: &str,
        at_most: u64,
    ) -> Result<u64, StoreError> {
        retry(|| self.0.count_codes(org, mode, beginning, at_most)).await
    }

    async fn campaign_pages(
        &self,
        org: OrgId,
        afters: &[Option<CampaignId>],
        limit: u32,
    ) -> Result<Vec<Campaign>, StoreError> {
        retry(|| self.0.campaign_pages(org, afters, limit)).await
    }

    async fn codes_of_campaigns(
        &self,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        limit: u32,
    ) -> Result<Vec<PromotionCode>, StoreError> {
        retry(|| self.0.codes_of_campaigns(org, starts, limit)).await
    }

    async fn holds_of_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        starts: &[Start<FoldedCode, CustomerId>],
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        retry(|| self.0.holds_of_codes(org, mode, starts, limit)).await
    }

    async fn wallets(
        &self,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: WalletFilter,
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        retry(|| self.0.wallets(org, starts, filter, limit)).await
    }

    async fn redemptions_of_promotions(
        &self,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        limit: u32,
    ) -> Result<Vec<Redemption>, StoreError> {
        retry(|| self.0.redemptions_of_promotions(org, starts, limit)).await
    }
}

#[async_trait]
impl<R: PromotionRepository + ?Sized> LinkRepository for Retrying<R> {
    /// Does not retry: the batcher has its own rules for retries of links.
    async fn link(
        &self,
        requests: &[LinkRequest],
        on_locked: OnLocked,
        now: Timestamp,
    ) -> Result<Vec<Option<LinkOutcome>>, StoreError> {
        self.0.link(requests, on_locked, now).await
    }

    fn link_workers(&self) -> usize {
        self.0.link_workers()
    }

    fn mixes_organisations(&self) -> bool {
        self.0.mixes_organisations()
    }

    fn lock_waiters(&self) -> usize {
        self.0.lock_waiters()
    }
}

#[async_trait]
impl<R: PromotionRepository + ?Sized> PromotionRepository for Retrying<R> {
    async fn check_links(&self, requests: &[LinkRequest], now: Timestamp) -> Result<Vec<LinkCheck>, StoreError> {
        retry(|| self.0.check_links(requests, now)).await
    }

    async fn redeem(&self, request: &RedeemRequest, now: Timestamp) -> Result<RedeemOutcome, StoreError> {
        retry(|| self.0.redeem(request, now)).await
    }

    async fn reverse(
        &self,
        org: OrgId,
        id: RedemptionId,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<Redemption>, StoreError> {
        retry(|| self.0.reverse(org, id, by, now)).await
    }

    async fn unlink(
        &self,
        org: OrgId,
        id: PromotionId,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<Promotion>, StoreError> {
        retry(|| self.0.unlink(org, id, by, now)).await
    }

    async fn revoke(
        &self,
        key: &CodeKey,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<PromotionCode>, StoreError> {
        retry(|| self.0.revoke(key, by, now)).await
    }

    async fn create_campaign(&self, campaign: &CampaignWithContent, by: &Attribution) -> Result<(), StoreError> {
        retry_if_undone(|| self.0.create_campaign(campaign, by)).await
    }

    /// Not idempotent: another caller may have changed the campaign since the first attempt.
    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<Result<CampaignWithContent, CampaignRejection>>, StoreError> {
        retry_if_undone(|| self.0.update_campaign(org, id, change, by, now)).await
    }

    /// If the acknowledgement of a commit was lost, the codes that it added count as duplicates, as in a client's own retry.
    async fn add_codes(&self, codes: &NewCodes) -> Result<Vec<FoldedCode>, StoreError> {
        retry(|| self.0.add_codes(codes)).await
    }

    async fn import(&self) -> Result<Box<dyn CodeImport>, StoreError> {
        retry(|| self.0.import()).await
    }

    async fn seed(
        &self,
        org: OrgId,
        campaigns: &[CampaignWithContent],
        codes: &[PromotionCode],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        retry(|| self.0.seed(org, campaigns, codes, now)).await
    }
}

//! Tries again what a database that restarts, or another transaction, has broken off.
//!
//! All that the service asks of its store goes through [`Retrying`], so that no caller can forget it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::promotions::{
    Campaign, CampaignChange, CampaignId, CodeImport, CodeKey, CustomerId, FoldedCode, InvalidCampaign, LinkOutcome,
    LinkRepository, LinkRequest, NewCodes, OnLocked, OrgId, Promotion, PromotionCode, PromotionId, PromotionMode,
    PromotionReads, PromotionRepository, RedeemOutcome, RedeemRequest, Redemption, RedemptionId, Start, StoreError,
    Timestamp, WalletFilter,
};

/// How long to wait between tries: a connection that broke off is replaced by a new one immediately; a database
/// that restarts may take longer, but callers would rather hear of it.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

/// Work that took longer is not tried again: its caller has waited enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// Does work whose effect is the same once and twice, up to three times.
pub async fn retried<T, W: Future<Output = Result<T, StoreError>>>(work: impl FnMut() -> W) -> Result<T, StoreError> {
    retried_when(|error| matches!(error, StoreError::Unavailable(_) | StoreError::Contended(_)), work).await
}

/// Does work whose effect is the same once and twice, and again where it failed so, up to three times.
pub async fn retried_when<T, W: Future<Output = Result<T, StoreError>>>(
    again: impl Fn(&StoreError) -> bool,
    mut work: impl FnMut() -> W,
) -> Result<T, StoreError> {
    let started = Instant::now();
    for pause in PAUSES {
        match work().await {
            Err(error) if again(&error) && started.elapsed() < PATIENCE => sleep(pause).await,
            done => return done,
        }
    }
    work().await
}

/// Does work that has another effect the second time, and again where nothing was done, up to three times.
async fn retried_undone<T, W: Future<Output = Result<T, StoreError>>>(
    work: impl FnMut() -> W,
) -> Result<T, StoreError> {
    retried_when(|error| matches!(error, StoreError::Contended(_)), work).await
}

/// A store that tries again: reads, and changes whose effect is the same once and twice, whenever they were broken off;
/// the others where nothing was done.
pub struct Retrying<R: ?Sized>(pub Arc<R>);

#[async_trait]
impl<R: PromotionReads + ?Sized> PromotionReads for Retrying<R> {
    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> Result<Vec<Promotion>, StoreError> {
        retried(|| self.0.promotions(org, ids)).await
    }

    async fn codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        folded: &[FoldedCode],
    ) -> Result<Vec<PromotionCode>, StoreError> {
        retried(|| self.0.codes(org, mode, folded)).await
    }

    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> Result<Vec<Campaign>, StoreError> {
        retried(|| self.0.campaigns(org, ids)).await
    }

    async fn count_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        beginning: &str,
        at_most: u64,
    ) -> Result<u64, StoreError> {
        retried(|| self.0.count_codes(org, mode, beginning, at_most)).await
    }

    async fn campaign_pages(
        &self,
        org: OrgId,
        afters: &[Option<CampaignId>],
        limit: u32,
    ) -> Result<Vec<Campaign>, StoreError> {
        retried(|| self.0.campaign_pages(org, afters, limit)).await
    }

    async fn codes_of_campaigns(
        &self,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        limit: u32,
    ) -> Result<Vec<PromotionCode>, StoreError> {
        retried(|| self.0.codes_of_campaigns(org, starts, limit)).await
    }

    async fn holds_of_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        starts: &[Start<FoldedCode, CustomerId>],
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        retried(|| self.0.holds_of_codes(org, mode, starts, limit)).await
    }

    async fn wallets(
        &self,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: WalletFilter,
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        retried(|| self.0.wallets(org, starts, filter, limit)).await
    }

    async fn redemptions_of_promotions(
        &self,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        limit: u32,
    ) -> Result<Vec<Redemption>, StoreError> {
        retried(|| self.0.redemptions_of_promotions(org, starts, limit)).await
    }
}

#[async_trait]
impl<R: PromotionRepository + ?Sized> LinkRepository for Retrying<R> {
    /// Once: the batcher tries links again, each in its own way.
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

    fn lock_waiters(&self) -> usize {
        self.0.lock_waiters()
    }
}

#[async_trait]
impl<R: PromotionRepository + ?Sized> PromotionRepository for Retrying<R> {
    async fn redeem(&self, request: &RedeemRequest, now: Timestamp) -> Result<RedeemOutcome, StoreError> {
        retried(|| self.0.redeem(request, now)).await
    }

    async fn reverse(&self, org: OrgId, id: RedemptionId, now: Timestamp) -> Result<Option<Redemption>, StoreError> {
        retried(|| self.0.reverse(org, id, now)).await
    }

    async fn unlink(&self, org: OrgId, id: PromotionId, now: Timestamp) -> Result<Option<Promotion>, StoreError> {
        retried(|| self.0.unlink(org, id, now)).await
    }

    async fn revoke(&self, key: &CodeKey, now: Timestamp) -> Result<Option<PromotionCode>, StoreError> {
        retried(|| self.0.revoke(key, now)).await
    }

    async fn create_campaign(&self, campaign: &Campaign) -> Result<(), StoreError> {
        retried_undone(|| self.0.create_campaign(campaign)).await
    }

    /// Once it was changed, another caller may have changed it since.
    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
    ) -> Result<Option<Result<Campaign, InvalidCampaign>>, StoreError> {
        retried_undone(|| self.0.update_campaign(org, id, change)).await
    }

    /// The codes are there afterwards, once. If a commit was made and its acknowledgement lost, they count as present.
    async fn add_codes(&self, codes: &NewCodes) -> Result<Vec<FoldedCode>, StoreError> {
        // If an acknowledgement was lost, codes that were added count as there before, as in a client's own retry.
        retried(|| self.0.add_codes(codes)).await
    }

    async fn import(&self) -> Result<Box<dyn CodeImport>, StoreError> {
        retried(|| self.0.import()).await
    }

    async fn seed(
        &self,
        org: OrgId,
        campaigns: &[Campaign],
        codes: &[PromotionCode],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        retried(|| self.0.seed(org, campaigns, codes, now)).await
    }
}

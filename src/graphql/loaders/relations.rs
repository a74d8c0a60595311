//! The relations that clients page through.

use std::sync::Arc;

use super::pages::Relation;
use crate::promotions::{
    Campaign, CampaignId, CustomerId, FoldedCode, OrgId, Promotion, PromotionCode, PromotionId, PromotionMode,
    PromotionReads, Redemption, RedemptionId, Start, StoreError, WalletFilter,
};

/// The campaigns of the organisation.
pub struct CampaignList;

impl Relation for CampaignList {
    type Parent = ();
    type Filter = ();
    type Cursor = CampaignId;
    type Child = Arc<Campaign>;

    async fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<(), CampaignId>],
        (): &(),
        limit: u32,
    ) -> Result<Vec<Arc<Campaign>>, StoreError> {
        let afters: Vec<_> = starts.iter().map(|((), after)| *after).collect();
        let campaigns = reads.campaign_pages(org, &afters, limit).await?;
        Ok(campaigns.into_iter().map(Arc::new).collect())
    }

    fn parent(_: &Arc<Campaign>) {}

    fn is_after(campaign: &Arc<Campaign>, cursor: &CampaignId) -> bool {
        campaign.id < *cursor
    }
}

/// The codes of a campaign.
pub struct CodesOfCampaign;

impl Relation for CodesOfCampaign {
    type Parent = CampaignId;
    type Filter = ();
    type Cursor = FoldedCode;
    type Child = PromotionCode;

    async fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        (): &(),
        limit: u32,
    ) -> Result<Vec<PromotionCode>, StoreError> {
        reads.codes_of_campaigns(org, starts, limit).await
    }

    fn parent(code: &PromotionCode) -> CampaignId {
        code.campaign_id
    }

    fn is_after(code: &PromotionCode, cursor: &FoldedCode) -> bool {
        code.code.folded() > cursor
    }
}

/// The holds on a code that are not unlinked, for one mode.
pub struct HoldsOfCode;

impl Relation for HoldsOfCode {
    type Parent = FoldedCode;
    type Filter = PromotionMode;
    type Cursor = CustomerId;
    type Child = Promotion;

    async fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<FoldedCode, CustomerId>],
        mode: &PromotionMode,
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        reads.holds_of_codes(org, *mode, starts, limit).await
    }

    fn parent(promotion: &Promotion) -> FoldedCode {
        promotion.code.folded().clone()
    }

    fn is_after(promotion: &Promotion, cursor: &CustomerId) -> bool {
        promotion.customer_id > *cursor
    }
}

/// The promotions of a customer.
pub struct Wallet;

impl Relation for Wallet {
    type Parent = CustomerId;
    type Filter = WalletFilter;
    type Cursor = PromotionId;
    type Child = Promotion;

    async fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: &WalletFilter,
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        reads.wallets(org, starts, *filter, limit).await
    }

    fn parent(promotion: &Promotion) -> CustomerId {
        promotion.customer_id
    }

    fn is_after(promotion: &Promotion, cursor: &PromotionId) -> bool {
        promotion.id < *cursor
    }
}

/// The redemptions of a promotion.
pub struct RedemptionsOfPromotion;

impl Relation for RedemptionsOfPromotion {
    type Parent = PromotionId;
    type Filter = ();
    type Cursor = RedemptionId;
    type Child = Redemption;

    async fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        (): &(),
        limit: u32,
    ) -> Result<Vec<Redemption>, StoreError> {
        reads.redemptions_of_promotions(org, starts, limit).await
    }

    fn parent(redemption: &Redemption) -> PromotionId {
        redemption.promotion_id
    }

    fn is_after(redemption: &Redemption, cursor: &RedemptionId) -> bool {
        redemption.id > *cursor
    }
}

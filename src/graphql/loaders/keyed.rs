//! Reads by key: campaigns and promotions by id, codes by their text.

use std::{collections::HashMap, sync::Arc};

use super::batch_loader::Source;
use crate::{
    promotions::{
        Campaign, CampaignId, FoldedCode, OrgId, Promotion, PromotionCode, PromotionId, PromotionMode, StoreError,
    },
    service::PromotionService,
};

/// Campaigns by id.
pub struct Campaigns;

impl Source for Campaigns {
    type Key = CampaignId;
    type Value = Arc<Campaign>;

    async fn read(
        service: &PromotionService,
        org: OrgId,
        ids: &[CampaignId],
    ) -> Result<HashMap<CampaignId, Arc<Campaign>>, StoreError> {
        let campaigns = service.reads().campaigns(org, ids).await?;
        Ok(campaigns.into_iter().map(|campaign| (campaign.id, Arc::new(campaign))).collect())
    }
}

/// Promotions by id.
pub struct Promotions;

impl Source for Promotions {
    type Key = PromotionId;
    type Value = Promotion;

    async fn read(
        service: &PromotionService,
        org: OrgId,
        ids: &[PromotionId],
    ) -> Result<HashMap<PromotionId, Promotion>, StoreError> {
        let promotions = service.reads().promotions(org, ids).await?;
        Ok(promotions.into_iter().map(|promotion| (promotion.id, promotion)).collect())
    }
}

/// Codes by mode and folded text.
pub struct Codes;

impl Source for Codes {
    type Key = (PromotionMode, FoldedCode);
    type Value = PromotionCode;

    /// One statement for each mode.
    async fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[Self::Key],
    ) -> Result<HashMap<Self::Key, PromotionCode>, StoreError> {
        let mut of_mode: HashMap<PromotionMode, Vec<FoldedCode>> = HashMap::new();
        for (mode, folded) in keys {
            of_mode.entry(*mode).or_default().push(folded.clone());
        }
        let mut found = HashMap::with_capacity(keys.len());
        for (mode, folded) in of_mode {
            let codes = service.reads().codes(org, mode, &folded).await?;
            found.extend(codes.into_iter().map(|code| ((mode, code.code.folded().clone()), code)));
        }
        Ok(found)
    }
}

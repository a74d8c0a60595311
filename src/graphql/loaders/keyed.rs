//! Reads by key: campaigns and promotions by id, codes by their text.

use std::{collections::HashMap, sync::Arc};

use super::batch_loader::Source;
use crate::{
    promotions::{
        Campaign, CampaignId, CampaignWithContent, FoldedCode, LinkCheck, LinkKey, OrgId, Promotion, PromotionCode,
        PromotionId, PromotionMode, StoreError,
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

/// A campaign with what it says, or why that can't be read. That of one does not affect the others.
type ReadContent = Result<Arc<CampaignWithContent>, StoreError>;

/// Campaigns with what they say, by their ids: where queries read, or from the primary database.
pub struct CampaignContents<const FROM_PRIMARY: bool>;

impl<const FROM_PRIMARY: bool> Source for CampaignContents<FROM_PRIMARY> {
    type Key = CampaignId;
    type Value = ReadContent;

    async fn read(
        service: &PromotionService,
        org: OrgId,
        ids: &[CampaignId],
    ) -> Result<HashMap<CampaignId, ReadContent>, StoreError> {
        let campaigns = if FROM_PRIMARY {
            service.primary_contents(org, ids).await?
        } else {
            service.reads().campaign_contents(org, ids).await?
        };
        Ok(campaigns.into_iter().map(|(id, read)| (id, read.map(Arc::new))).collect())
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

/// What linking would decide about codes and customers. An error of the store is a value: each caller pays for it itself.
pub struct LinkChecks;

impl Source for LinkChecks {
    type Key = LinkKey;
    type Value = Result<LinkCheck, StoreError>;

    async fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[LinkKey],
    ) -> Result<HashMap<LinkKey, Self::Value>, StoreError> {
        Ok(match service.check_links(org, keys).await {
            Ok(outcomes) => keys.iter().cloned().zip(outcomes.into_iter().map(Ok)).collect(),
            Err(error) => keys.iter().map(|key| (key.clone(), Err(error.clone()))).collect(),
        })
    }
}

/// The promotions by which customers hold codes.
pub struct HeldPromotions;

impl Source for HeldPromotions {
    type Key = LinkKey;
    type Value = Promotion;

    async fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[LinkKey],
    ) -> Result<HashMap<LinkKey, Promotion>, StoreError> {
        let held = service.reads().held_promotions(org, keys).await?;
        let key =
            |promotion: &Promotion| (promotion.campaign.mode, promotion.code.folded().clone(), promotion.customer_id);
        Ok(held.into_iter().map(|promotion| (key(&promotion), promotion)).collect())
    }
}

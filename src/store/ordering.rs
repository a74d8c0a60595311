//! The orders of lists.
//!
//! The statement that reads the pages of many parents returns rows in no order, and those on several pages repeatedly.
//! [`sorted`] corrects both.

use std::cmp::Reverse;

use super::{error::StoreResult, rows::into_domain};
use crate::promotions::{
    Campaign, CampaignId, CustomerId, FoldedCode, Promotion, PromotionCode, PromotionId, Redemption, RedemptionId,
    StoreError,
};

/// Converts rows to domain values: each once, in the order of a unique key.
pub fn sorted<Row, Thing, Key: Ord>(rows: Vec<Row>, key: impl Fn(&Thing) -> Key) -> StoreResult<Vec<Thing>>
where
    Thing: TryFrom<Row, Error = StoreError>,
{
    let mut things: Vec<Thing> = into_domain(rows)?;
    things.sort_by_cached_key(&key);
    things.dedup_by_key(|thing| key(thing));
    Ok(things)
}

/// The order of campaigns: newest first.
pub fn newest_campaign(campaign: &Campaign) -> Reverse<CampaignId> {
    Reverse(campaign.id)
}

/// The order of a campaign's codes. Campaigns of different modes can have the same code.
pub fn by_text(code: &PromotionCode) -> (FoldedCode, CampaignId) {
    (code.code.folded().clone(), code.campaign_id)
}

/// The order of a code's holds.
pub fn by_customer(promotion: &Promotion) -> (CustomerId, PromotionId) {
    (promotion.customer_id, promotion.id)
}

/// The order of a wallet: newest first.
pub fn newest_promotion(promotion: &Promotion) -> Reverse<PromotionId> {
    Reverse(promotion.id)
}

/// The order of a promotion's redemptions: oldest first.
pub fn oldest_redemption(redemption: &Redemption) -> RedemptionId {
    redemption.id
}

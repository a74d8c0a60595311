//! `PromotionCode`.

use async_graphql::{Context, Object, Result};

use super::{
    campaign::{Campaign, PromotionMode},
    error::broken,
    loaders::Loaders,
    scalars::Timestamp,
};
use crate::promotions::{self, StoreError};

/// A code as printed, mailed or handed out, before and after customers link it.
pub struct PromotionCode(pub promotions::PromotionCode);

#[derive(Debug, thiserror::Error)]
#[error("a code belongs to a campaign that is not there")]
struct NoCampaign;

#[Object]
impl PromotionCode {
    /// The code as it was issued.
    async fn code(&self) -> &str {
        self.0.code.text()
    }

    /// What the code is for; the same as its campaign's.
    async fn mode(&self) -> PromotionMode {
        self.0.mode.into()
    }

    /// The campaign that the code belongs to.
    async fn campaign(&self, ctx: &Context<'_>) -> Result<Campaign> {
        let campaign = ctx.data::<Loaders>()?.campaign(self.0.campaign_id).await?;
        campaign.map(Campaign).ok_or_else(|| broken(&StoreError::Failed(std::sync::Arc::new(NoCampaign))))
    }

    /// When the code was issued.
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// Whether the code was revoked: it can't be linked or redeemed any more.
    async fn revoked(&self) -> bool {
        self.0.revoked_on.is_some()
    }

    /// How many customers may link this code. 1: whoever links it first owns it. Null: no limit.
    async fn max_links(&self) -> Option<u32> {
        self.0.max_links
    }

    /// How many customers hold this code.
    async fn link_count(&self) -> u32 {
        self.0.link_count
    }
}

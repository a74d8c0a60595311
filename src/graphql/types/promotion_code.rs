//! `PromotionCode`.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result};

use super::{
    access::{Role, access},
    campaign::{Campaign, PromotionMode},
    paging::{List, list, page},
    promotion::Promotion,
    scalars::{Timestamp, parse_code},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{broken, place, refused},
        loaders::Loaders,
    },
    promotions::{self, CodeKey, Refusal, StoreError},
    service::PromotionService,
};

pub struct PromotionCode(pub promotions::PromotionCode);

#[derive(Debug, thiserror::Error)]
#[error("a code belongs to a campaign that is not there")]
struct NoCampaign;

/// A code as printed, mailed or handed out, before and after customers link it.
#[Object]
impl PromotionCode {
    /// The code as it was issued.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn code(&self) -> &str {
        self.0.code.text()
    }

    /// What the code is for; the same as its campaign's.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn mode(&self) -> PromotionMode {
        self.0.mode.into()
    }

    /// The campaign that the code belongs to.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn campaign(&self, ctx: &Context<'_>) -> Result<Campaign> {
        let campaign = ctx.data::<Loaders>()?.campaign(self.0.campaign_id).await.map_err(place(ctx))?;
        campaign.map(Campaign).ok_or_else(|| place(ctx)(broken(&StoreError::Failed(Arc::new(NoCampaign)))))
    }

    /// When the code was issued.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// Whether the code was revoked: it can't be linked or redeemed any more.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn revoked(&self) -> bool {
        self.0.revoked_on.is_some()
    }

    /// How many customers may link this code. 1: whoever links it first owns it. Null: no limit.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_links(&self) -> Option<u32> {
        self.0.max_links
    }

    /// How many holds count against maxLinks: those that stand, and those that were redeemed and given up since.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn link_count(&self) -> u32 {
        self.0.link_count
    }

    /// The standing holds on this code, in the order of their customers. `first` is 1 to 100.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn promotions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<Promotion>> {
        let page = page(first, after.as_deref()).map_err(place(ctx))?;
        let holds = ctx.data::<Loaders>()?.holds_of_code(self.0.mode, self.0.code.folded().clone(), &page);
        let rows = holds.await.map_err(place(ctx))?;
        Ok(list(&page, rows, |promotion| promotion.customer_id, Promotion))
    }
}

/// Which code is meant.
#[derive(InputObject)]
pub struct PromotionCodeInput {
    /// The code, in any spelling.
    code: String,
    /// What the code is for.
    mode: PromotionMode,
}

/// Revokes a code.
pub async fn revoke_promotion_code(ctx: &Context<'_>, input: PromotionCodeInput) -> Result<PromotionCode> {
    let folded = parse_code(&input.code, "code")?.into_folded();
    let key = CodeKey { org: ctx.data::<Principal>()?.org, mode: input.mode.into(), folded };
    let found = ctx.data::<Arc<PromotionService>>()?.revoke(&key).await;
    found.map_err(|error| broken(&error))?.map(PromotionCode).ok_or_else(|| refused(Refusal::CodeNotFound))
}

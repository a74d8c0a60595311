//! `PromotionCode`.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, Result};

use super::{
    access_directive::{Role, access},
    campaign::{Campaign, PromotionMode},
    cost_directives::{LOOKUP_WEIGHT, cost, page_size},
    paging::{List, list, page},
    promotion::Promotion,
    scalars::{Timestamp, parse_code},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{ApiError, log_store_error, place, refused},
        loaders::Loaders,
    },
    promotions::{self, CodeKey, Refusal},
    service::PromotionService,
};

pub struct PromotionCode(pub promotions::PromotionCode);

/// The database is inconsistent. Not an [`ApiError`]: the response masks it, and the log has it.
#[derive(Debug, thiserror::Error)]
#[error("the campaign of a code does not exist")]
struct MissingCampaign;

/// A promotion code of a campaign, linked or not.
#[Object]
impl PromotionCode {
    /// The code as it was issued. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn code(&self) -> &str {
        self.0.code.text()
    }

    /// The mode of the code and of its campaign. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn mode(&self) -> PromotionMode {
        self.0.mode.into()
    }

    /// The campaign that the code belongs to. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn campaign(&self, ctx: &Context<'_>) -> Result<Campaign> {
        let campaign = ctx.data::<Loaders>()?.campaign(self.0.campaign_id).await.map_err(place(ctx))?;
        campaign.map(Campaign).ok_or_else(|| place(ctx)(MissingCampaign))
    }

    /// When the code was generated or imported. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// Whether the code was revoked. A revoked code can no longer be linked or redeemed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn revoked(&self) -> bool {
        self.0.revoked_on.is_some()
    }

    /// How many customers may link this code. If it is 1, the code belongs to the first customer who links it. Null:
    /// any number. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_links(&self) -> Option<u32> {
        self.0.max_links
    }

    /// How many holds count against `maxLinks`: current holds, and past holds that were redeemed before they were
    /// unlinked. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn link_count(&self) -> u32 {
        self.0.link_count
    }

    /// The current holds on this code, sorted by ascending `customerId`. Fails with INVALID_INPUT if an argument is
    /// invalid. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT), directive = page_size::apply())]
    async fn promotions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many promotions to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page. Null: the first page.")] after: Option<String>,
    ) -> Result<List<Promotion>> {
        let page = page(first, after.as_deref()).map_err(place(ctx))?;
        let holds = ctx.data::<Loaders>()?.holds_of_code(self.0.mode, self.0.code.folded().clone(), &page);
        let rows = holds.await.map_err(place(ctx))?;
        Ok(list(&page, rows, |promotion| promotion.customer_id, Promotion))
    }
}

/// Identifies a promotion code.
#[derive(InputObject)]
pub struct PromotionCodeInput {
    /// The code, in any spelling, as in LinkPromotionCodeInput.
    code: String,
    /// The mode of the code.
    mode: PromotionMode,
}

/// Revokes a code.
pub async fn revoke_promotion_code(ctx: &Context<'_>, input: PromotionCodeInput) -> Result<PromotionCode> {
    let folded = parse_code(&input.code, "code")?.into_folded();
    let key = CodeKey { org: ctx.data::<Principal>()?.org, mode: input.mode.into(), folded };
    let found = ctx.data::<Arc<PromotionService>>()?.revoke(&key, ctx.data()?).await;
    let found = found.inspect_err(log_store_error).map_err(ApiError::from)?;
    Ok(found.map(PromotionCode).ok_or_else(|| refused(Refusal::CodeNotFound))?)
}

//! `Promotion` and `PromotionState`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use super::{
    access_directive::{Role, access},
    campaign::{Campaign, PromotionMode},
    cost_directives::{LOOKUP_WEIGHT, cost, page_size},
    customer::Customer,
    offer::PreparedOffer,
    paging::{List, list, page},
    redemption::Redemption,
    scalars::{Long, Timestamp, attribution, parse_id},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{ApiError, Nullable, log_store_error, place, refused},
        loaders::Loaders,
    },
    promotions::{self, Refusal},
    service::PromotionService,
};

/// The current state of a promotion. If several states apply, it is the first of UNLINKED, INACTIVE, EXPIRED, REDEEMED,
/// NOT_YET_REDEEMABLE and ACTIVE.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::PromotionState")]
pub enum PromotionState {
    /// Linked, but its `redeemableFrom` is in the future.
    NotYetRedeemable,
    /// It can be redeemed now.
    Active,
    /// Redeemed `maxRedemptionsPerLink` times, the maximum that the campaign permits.
    Redeemed,
    /// Past its `validTill`.
    Expired,
    /// The campaign is not active, or the code was revoked.
    Inactive,
    /// Unlinked: the customer no longer holds the code.
    Unlinked,
}

pub struct Promotion(pub promotions::Promotion);

/// One customer's hold on one promotion code, created by linking the code. Only that customer can redeem the promotion.
#[Object]
impl Promotion {
    /// The id of the hold, a UUID. Linking the same code to the same customer again returns the same id.
    /// Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The organisation that issued the code. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn org_id(&self) -> Long {
        self.0.campaign.org.into()
    }

    /// The id of the code's campaign, a UUID. The id of the hold is `id`. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn promotion_id(&self) -> ID {
        self.0.campaign.id.get().into()
    }

    /// The name of the code's campaign. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn promotion_name(&self) -> &str {
        &self.0.campaign.name
    }

    /// The code as it was issued, regardless of how it was spelled when it was linked. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn code(&self) -> &str {
        self.0.code.text()
    }

    /// The number of the customer who holds the code. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn customer_id(&self) -> Long {
        self.0.customer_id.into()
    }

    /// Whether the customer still has the promotion: the campaign is active, the code is not revoked, and the promotion
    /// is neither unlinked nor past `validTill`. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn active(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.0.is_active(ctx.data::<Arc<PromotionService>>()?.now()))
    }

    /// When the code was linked. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// The latest time at which the promotion can be redeemed: the campaign's `validTill` or, if that is earlier,
    /// `validForDays` days after `createdOn`. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn valid_till(&self) -> Timestamp {
        self.0.valid_till().into()
    }

    /// The mode of the code. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn mode(&self) -> PromotionMode {
        self.0.campaign.mode.into()
    }

    /// The earliest time at which the promotion can be redeemed: the later of `createdOn` and the campaign's
    /// `redeemableFrom`. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn redeemable_from(&self) -> Timestamp {
        self.0.redeemable_from().into()
    }

    /// The current state of the promotion. A storefront gets the state that the promotion would have if it had never
    /// been redeemed. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn state(&self, ctx: &Context<'_>) -> Result<PromotionState> {
        Ok(self.0.state(ctx.data::<Arc<PromotionService>>()?.now()).into())
    }

    /// What shoppers are told about the promotion: the offer of its campaign. Null: nothing. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn offer(&self, ctx: &Context<'_>) -> Nullable<PreparedOffer> {
        PreparedOffer::of(ctx, &self.0.campaign).await
    }

    /// The code's campaign. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn campaign(&self) -> Campaign {
        Campaign(Arc::clone(&self.0.campaign))
    }

    /// The customer who holds the code. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn customer(&self) -> Customer {
        Customer(self.0.customer_id)
    }

    /// The promotion's redemptions, oldest first, including reversed ones. Fails with INVALID_INPUT if an argument is
    /// invalid. Access: customer and above.
    #[graphql(directive = access::apply(Role::Customer), directive = cost::apply(LOOKUP_WEIGHT), directive = page_size::apply())]
    async fn redemptions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many redemptions to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page. Null: the first page.")] after: Option<String>,
    ) -> Result<List<Redemption>> {
        let page = page(first, after.as_deref()).map_err(place(ctx))?;
        let rows = ctx.data::<Loaders>()?.redemptions_of_promotion(self.0.id, &page).await.map_err(place(ctx))?;
        Ok(list(&page, rows, |redemption| redemption.id, Redemption))
    }
}

/// Ends a hold.
pub async fn unlink_promotion(ctx: &Context<'_>, id: &ID, reason: Option<String>) -> Result<Promotion> {
    let by = attribution(ctx, reason)?;
    let org = ctx.data::<Principal>()?.org;
    let found = ctx.data::<Arc<PromotionService>>()?.unlink(org, parse_id(id, "id")?, &by).await;
    let found = found.inspect_err(log_store_error).map_err(ApiError::from)?;
    Ok(found.map(Promotion).ok_or_else(|| refused(Refusal::NotFound))?)
}

//! `Promotion` and `PromotionState`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

use super::{
    access::{Role, access},
    campaign::{Campaign, PromotionMode},
    customer::Customer,
    paging::{List, list, page},
    redemption::Redemption,
    scalars::{Long, Timestamp, parse_id},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{broken, place, refused},
        loaders::Loaders,
    },
    promotions::{self, Refusal},
    service::PromotionService,
};

/// Where a promotion is in its life. Of several that apply, the first of UNLINKED, INACTIVE, EXPIRED, REDEEMED,
/// NOT_YET_REDEEMABLE and ACTIVE is told.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::PromotionState")]
pub enum PromotionState {
    /// Linked, but the campaign's redeemableFrom has not come.
    NotYetRedeemable,
    /// Can be redeemed now.
    Active,
    /// Redeemed as often as the campaign allows.
    Redeemed,
    /// Past its validTill.
    Expired,
    /// The campaign is switched off or the code was revoked.
    Inactive,
    /// The customer no longer holds the code.
    Unlinked,
}

pub struct Promotion(pub promotions::Promotion);

/// A promotion code held by one customer: what linkPromotionCode returns. Only that customer can redeem it.
#[Object]
impl Promotion {
    /// The promotion's id (a UUID). Linking the same code to the same customer again answers with the same id.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The organisation that issued the code.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn org_id(&self) -> Long {
        self.0.campaign.org.into()
    }

    /// The id of the campaign that the code belongs to.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn promotion_id(&self) -> ID {
        self.0.campaign.id.get().into()
    }

    /// The name of the campaign that the code belongs to.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn promotion_name(&self) -> &str {
        &self.0.campaign.name
    }

    /// The code as it was issued, however it was spelled when linking.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn code(&self) -> &str {
        self.0.code.text()
    }

    /// The customer who holds the code.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn customer_id(&self) -> Long {
        self.0.customer_id.into()
    }

    /// Whether the hold stands now: campaign active, code not revoked, not unlinked, not past validTill.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn active(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.0.is_active(ctx.data::<Arc<PromotionService>>()?.now()))
    }

    /// The moment of linking.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// The last moment at which it can be redeemed: the earlier of the campaign's validTill and validForDays after
    /// createdOn.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn valid_till(&self) -> Timestamp {
        self.0.valid_till().into()
    }

    /// What the code is for.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn mode(&self) -> PromotionMode {
        self.0.campaign.mode.into()
    }

    /// The first moment at which it can be redeemed: the later of createdOn and the campaign's redeemableFrom.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn redeemable_from(&self) -> Timestamp {
        self.0.redeemable_from().into()
    }

    /// Where the promotion is in its life now.
    #[graphql(directive = access::apply(Role::Storefront))]
    async fn state(&self, ctx: &Context<'_>) -> Result<PromotionState> {
        Ok(self.0.state(ctx.data::<Arc<PromotionService>>()?.now()).into())
    }

    /// The campaign that the code belongs to.
    #[graphql(directive = access::apply(Role::Admin), tag = "admin")]
    async fn campaign(&self) -> Campaign {
        Campaign(Arc::clone(&self.0.campaign))
    }

    /// The customer who holds the code.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn customer(&self) -> Customer {
        Customer(self.0.customer_id)
    }

    /// The uses of the promotion, oldest first, those given back too. `first` is 1 to 100.
    #[graphql(directive = access::apply(Role::Customer))]
    async fn redemptions(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<Redemption>> {
        let page = page(first, after.as_deref()).map_err(place(ctx))?;
        let rows = ctx.data::<Loaders>()?.redemptions_of_promotion(self.0.id, &page).await.map_err(place(ctx))?;
        Ok(list(&page, rows, |redemption| redemption.id, Redemption))
    }
}

/// Gives a hold up.
pub async fn unlink_promotion(ctx: &Context<'_>, id: &ID) -> Result<Promotion> {
    let org = ctx.data::<Principal>()?.org;
    let found = ctx.data::<Arc<PromotionService>>()?.unlink(org, parse_id(id, "id")?).await;
    found.map_err(|error| broken(&error))?.map(Promotion).ok_or_else(|| refused(Refusal::NotFound))
}

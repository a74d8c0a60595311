//! `Campaign` and `PromotionMode`.

mod mutations;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result};

pub use self::mutations::{CreateCampaignInput, UpdateCampaignInput, create_campaign, update_campaign};
use super::{
    access_directive::{Role, access},
    cost_directives::{LOOKUP_WEIGHT, cost, list_size, page_size},
    offer::{MetadataEntry, PreparedOffer, metadata},
    paging::{List, list, page},
    promotion_code::PromotionCode,
    scalars::{Long, Timestamp},
};
use crate::{
    graphql::{
        error::{Nullable, place},
        loaders::Loaders,
    },
    promotions,
};

/// The purpose of a promotion code. The same text can be a code in each mode; these are two different codes.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::PromotionMode")]
pub enum PromotionMode {
    /// The code gives a discount on the cart.
    Discount,
    /// The code pays for the cart, like a gift voucher.
    PaymentVoucher,
}

pub struct Campaign(pub Arc<promotions::Campaign>);

/// A set of promotion codes that share the same terms. The `promotionId` and `promotionName` of a promotion are the
/// `id` and `name` of its campaign.
#[Object]
impl Campaign {
    /// The campaign's id, a UUID. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The organisation that the campaign belongs to. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn org_id(&self) -> Long {
        self.0.org.into()
    }

    /// The campaign's display name. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The mode of the campaign's codes. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn mode(&self) -> PromotionMode {
        self.0.mode.into()
    }

    /// Whether the campaign's codes can be linked and redeemed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When the campaign was created. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// The earliest time at which the campaign's promotions can be redeemed. Its codes can be linked earlier.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn redeemable_from(&self) -> Timestamp {
        self.0.redeemable_from.into()
    }

    /// The latest time at which the campaign's codes can be linked and its promotions redeemed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn valid_till(&self) -> Timestamp {
        self.0.valid_till.into()
    }

    /// For how many days (of 24 hours) after linking a promotion is valid, at most until `validTill`. Null: until
    /// `validTill`. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn valid_for_days(&self) -> Option<u32> {
        self.0.valid_for_days
    }

    /// How many codes of this campaign one customer may hold. Null: any number. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_links_per_customer(&self) -> Option<u32> {
        self.0.max_links_per_customer
    }

    /// How many times each promotion may be redeemed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_redemptions_per_link(&self) -> u32 {
        self.0.max_redemptions_per_link
    }

    /// What shoppers are told about the campaign's promotions. Null: nothing. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn offer(&self, ctx: &Context<'_>) -> Nullable<PreparedOffer> {
        PreparedOffer::of(ctx, &self.0).await
    }

    /// Entries for operators, in the order in which they were given: at most 50. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = list_size::apply(Some(50), None, None, None))]
    async fn metadata(&self, ctx: &Context<'_>) -> Result<Vec<MetadataEntry>> {
        let content = ctx.data::<Loaders>()?.content(&self.0).await.map_err(place(ctx))?;
        metadata(ctx, content.as_ref().map_or(&[], |read| &read.content.metadata))
    }

    /// 1 at first, and one more with each change. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn version(&self) -> u32 {
        self.0.version
    }

    /// The campaign's codes, sorted by their text, without the differences that LinkPromotionCodeInput ignores. Fails
    /// with INVALID_INPUT if an argument is invalid. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT), directive = page_size::apply())]
    async fn codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many codes to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page. Null: the first page.")] after: Option<String>,
    ) -> Result<List<PromotionCode>> {
        let page = page(first, after.as_deref()).map_err(place(ctx))?;
        let rows = ctx.data::<Loaders>()?.codes_of_campaign(self.0.id, &page).await.map_err(place(ctx))?;
        Ok(list(&page, rows, |code| code.code.folded().clone(), PromotionCode))
    }
}

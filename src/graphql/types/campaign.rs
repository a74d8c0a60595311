//! `Campaign` and `PromotionMode`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, Result};

use super::{
    access_directive::{Role, access},
    paging::{List, list, page},
    promotion_code::PromotionCode,
    scalars::{Long, Timestamp, parse_id, parse_limit},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{ApiError, invalid_input, log_store_error, place, refused},
        loaders::Loaders,
    },
    promotions::{self, CampaignChange, InvalidCampaign, NewCampaign, Refusal},
    service::PromotionService,
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

    /// The campaign's codes, sorted by their text, without the differences that LinkPromotionCodeInput ignores. Fails
    /// with INVALID_INPUT if an argument is invalid. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
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

/// The definition of a new campaign.
#[derive(InputObject)]
pub struct CreateCampaignInput {
    /// The campaign's display name: 1 to 200 visible characters after trimming.
    name: String,
    /// The mode of the campaign's codes. It can't be changed later.
    mode: PromotionMode,
    /// The latest time at which the campaign's codes can be linked and its promotions redeemed. Must not be before
    /// `redeemableFrom`.
    valid_till: Timestamp,
    /// The earliest time at which the campaign's promotions can be redeemed. Its codes can be linked earlier. Null:
    /// now.
    redeemable_from: Option<Timestamp>,
    /// Whether the campaign's codes can be linked and redeemed. Null: true.
    #[graphql(default_with = "Some(true)")]
    active: Option<bool>,
    /// For how many days (of 24 hours) after linking a promotion is valid, 1 to 36500, at most until `validTill`. Null:
    /// until `validTill`. It can't be changed later.
    valid_for_days: Option<i32>,
    /// How many codes of this campaign one customer may hold, at least 1. Null: any number.
    max_links_per_customer: Option<i32>,
    /// How many times each promotion may be redeemed, at least 1. Null: 1. It can't be changed later.
    #[graphql(default_with = "Some(1)")]
    max_redemptions_per_link: Option<i32>,
}

/// Creates a campaign.
pub async fn create_campaign(ctx: &Context<'_>, input: CreateCampaignInput) -> Result<Campaign> {
    let new = NewCampaign {
        name: input.name,
        mode: input.mode.into(),
        active: input.active,
        redeemable_from: input.redeemable_from.map(|moment| moment.parse("redeemableFrom")).transpose()?,
        valid_till: input.valid_till.parse("validTill")?,
        valid_for_days: parse_limit(input.valid_for_days, "validForDays")?,
        max_links_per_customer: parse_limit(input.max_links_per_customer, "maxLinksPerCustomer")?,
        max_redemptions_per_link: parse_limit(input.max_redemptions_per_link, "maxRedemptionsPerLink")?,
    };
    let org = ctx.data::<Principal>()?.org;
    let created = ctx.data::<Arc<PromotionService>>()?.create_campaign(org, new, ctx.data()?).await;
    let created = created.inspect_err(log_store_error).map_err(ApiError::from)?;
    created.map(|campaign| Campaign(Arc::new(campaign))).map_err(|invalid| invalid_campaign(invalid).into())
}

/// The changes to a campaign. Omitted fields keep their values. Changes also apply to existing promotions.
#[derive(InputObject)]
pub struct UpdateCampaignInput {
    /// The campaign's id.
    id: ID,
    /// The new name: 1 to 200 visible characters after trimming. Null: no change.
    name: Option<String>,
    /// Whether the campaign's codes can be linked and redeemed. Null: no change.
    active: Option<bool>,
    /// The new latest time at which the campaign's codes can be linked and its promotions redeemed. Must not be before
    /// `redeemableFrom`. Null: no change.
    valid_till: Option<Timestamp>,
    /// The new earliest time at which the campaign's promotions can be redeemed. Null: no change.
    redeemable_from: Option<Timestamp>,
    /// How many codes of this campaign one customer may hold, at least 1. Null removes the limit. Customers who hold
    /// more codes than a new limit permits keep them.
    max_links_per_customer: MaybeUndefined<i32>,
}

/// Changes a campaign.
pub async fn update_campaign(ctx: &Context<'_>, input: UpdateCampaignInput) -> Result<Campaign> {
    let id = parse_id(&input.id, "id")?;
    let change = CampaignChange {
        name: input.name,
        active: input.active,
        valid_till: input.valid_till.map(|moment| moment.parse("validTill")).transpose()?,
        redeemable_from: input.redeemable_from.map(|moment| moment.parse("redeemableFrom")).transpose()?,
        max_links_per_customer: match input.max_links_per_customer {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(limit) => Some(parse_limit(Some(limit), "maxLinksPerCustomer")?),
        },
    };
    let org = ctx.data::<Principal>()?.org;
    let changed = ctx.data::<Arc<PromotionService>>()?.update_campaign(org, id, &change, ctx.data()?).await;
    let changed =
        changed.inspect_err(log_store_error).map_err(ApiError::from)?.ok_or_else(|| refused(Refusal::NotFound))?;
    Ok(changed.map(|campaign| Campaign(Arc::new(campaign))).map_err(invalid_campaign)?)
}

fn invalid_campaign(invalid: InvalidCampaign) -> ApiError {
    let field = match invalid {
        InvalidCampaign::Name(_) => "name",
        InvalidCampaign::ValidTill => "validTill",
        InvalidCampaign::ValidForDays => "validForDays",
        InvalidCampaign::MaxLinksPerCustomer => "maxLinksPerCustomer",
        InvalidCampaign::MaxRedemptionsPerLink => "maxRedemptionsPerLink",
    };
    invalid_input(field, invalid)
}

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

/// What a promotion code is for. The same text can be a code in each mode: the two are different codes.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::PromotionMode")]
pub enum PromotionMode {
    /// The code gives a discount on the cart.
    Discount,
    /// The code pays for the cart, like a gift voucher.
    PaymentVoucher,
}

pub struct Campaign(pub Arc<promotions::Campaign>);

/// A set of promotion codes with common terms, as marketing defines it. `promotionId` and `promotionName` of its
/// promotions are its `id` and `name`.
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

    /// The campaign's name, for people. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The mode of its codes. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn mode(&self) -> PromotionMode {
        self.0.mode.into()
    }

    /// Whether its codes can be linked and redeemed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When it was created. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// The first moment at which its promotions can be redeemed. Its codes can be linked before. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn redeemable_from(&self) -> Timestamp {
        self.0.redeemable_from.into()
    }

    /// The last moment at which its codes can be linked and its promotions redeemed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn valid_till(&self) -> Timestamp {
        self.0.valid_till.into()
    }

    /// How many days of 24 hours a promotion is valid after linking, but not past `validTill`. Null: until `validTill`.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn valid_for_days(&self) -> Option<u32> {
        self.0.valid_for_days
    }

    /// How many codes of this campaign one customer may hold. Null: any number. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_links_per_customer(&self) -> Option<u32> {
        self.0.max_links_per_customer
    }

    /// How often each promotion may be redeemed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_redemptions_per_link(&self) -> u32 {
        self.0.max_redemptions_per_link
    }

    /// The campaign's codes, in the order of their folded text. Fails with INVALID_INPUT if an argument is invalid.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20, desc = "How many codes to return, 1 to 100. Null: 20.")] first: Option<i32>,
        #[graphql(desc = "Where the page begins: `endCursor` of the page before. Null: at the first.")] after: Option<
            String,
        >,
    ) -> Result<List<PromotionCode>> {
        let page = page(first, after.as_deref()).map_err(place(ctx))?;
        let rows = ctx.data::<Loaders>()?.codes_of_campaign(self.0.id, &page).await.map_err(place(ctx))?;
        Ok(list(&page, rows, |code| code.code.folded().clone(), PromotionCode))
    }
}

/// The definition of a new campaign.
#[derive(InputObject)]
pub struct CreateCampaignInput {
    /// The campaign's name, for people: 1 to 200 visible characters after trimming.
    name: String,
    /// The mode of its codes. It can't be changed later.
    mode: PromotionMode,
    /// The last moment at which its codes can be linked and its promotions redeemed. Not before `redeemableFrom`.
    valid_till: Timestamp,
    /// The first moment at which its promotions can be redeemed. Its codes can be linked before. Null: now.
    redeemable_from: Option<Timestamp>,
    /// Whether its codes can be linked and redeemed. Null: true.
    #[graphql(default_with = "Some(true)")]
    active: Option<bool>,
    /// How many days of 24 hours a promotion is valid after linking, 1 to 36500, but not past `validTill`. Null: until
    /// `validTill`. It can't be changed later.
    valid_for_days: Option<i32>,
    /// How many codes of this campaign one customer may hold, at least 1. Null: any number.
    max_links_per_customer: Option<i32>,
    /// How often each promotion may be redeemed, at least 1. Null: once. It can't be changed later.
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
    let created = ctx.data::<Arc<PromotionService>>()?.create_campaign(org, new).await;
    let created = created.inspect_err(log_store_error).map_err(ApiError::from)?;
    created.map(|campaign| Campaign(Arc::new(campaign))).map_err(|invalid| invalid_campaign(invalid).into())
}

/// Changes of a campaign. Fields that are left out stay as they are. The changes apply to existing promotions, too.
#[derive(InputObject)]
pub struct UpdateCampaignInput {
    /// The campaign's id.
    id: ID,
    /// The new name: 1 to 200 visible characters after trimming. Null: no change.
    name: Option<String>,
    /// Whether its codes can be linked and redeemed. Null: no change.
    active: Option<bool>,
    /// The new last moment at which its codes can be linked and its promotions redeemed. Not before `redeemableFrom`.
    /// Null: no change.
    valid_till: Option<Timestamp>,
    /// The new first moment at which its promotions can be redeemed. Null: no change.
    redeemable_from: Option<Timestamp>,
    /// How many codes of this campaign one customer may hold, at least 1. Null removes the limit. Customers keep what
    /// they hold above a new limit.
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
    let changed = ctx.data::<Arc<PromotionService>>()?.update_campaign(org, id, &change).await;
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

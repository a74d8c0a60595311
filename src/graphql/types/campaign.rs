//! `Campaign` and `PromotionMode`.

use std::sync::Arc;

use async_graphql::{Context, Enum, Error, ID, InputObject, MaybeUndefined, Object, Result};

use super::{
    access::{Role, access},
    paging::{List, list, page},
    promotion_code::PromotionCode,
    scalars::{Long, Timestamp, parse_id, parse_limit},
};
use crate::{
    auth::Principal,
    graphql::{
        error::{broken, invalid_input, place, refused},
        loaders::Loaders,
    },
    promotions::{self, CampaignChange, InvalidCampaign, NewCampaign, Refusal},
    service::PromotionService,
};

/// What a promotion code is for. The same text may be a code in each of the two modes.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::PromotionMode")]
pub enum PromotionMode {
    /// Code-linked promotion: the code takes a discount off the cart.
    Discount,
    /// Gift-voucher promotion: the code pays for the cart.
    PaymentVoucher,
}

pub struct Campaign(pub Arc<promotions::Campaign>);

/// What marketing defines; promotionId and promotionName of its promotions are its id and name.
#[Object]
impl Campaign {
    /// The campaign's id (a UUID).
    #[graphql(directive = access::apply(Role::Admin))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The organisation that the campaign belongs to.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn org_id(&self) -> Long {
        self.0.org.into()
    }

    /// The campaign's name, for people.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What its codes are for.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn mode(&self) -> PromotionMode {
        self.0.mode.into()
    }

    /// Whether its codes can be linked and redeemed at all.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When it was defined.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on.into()
    }

    /// The first moment at which its promotions can be redeemed. Linking is possible before.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn redeemable_from(&self) -> Timestamp {
        self.0.redeemable_from.into()
    }

    /// The last moment at which its codes can be linked and its promotions redeemed.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn valid_till(&self) -> Timestamp {
        self.0.valid_till.into()
    }

    /// Days (of 24 hours) a promotion stays valid after linking, never past validTill. Null: until validTill.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn valid_for_days(&self) -> Option<u32> {
        self.0.valid_for_days
    }

    /// How many codes of this campaign one customer may hold. Null: no limit.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_links_per_customer(&self) -> Option<u32> {
        self.0.max_links_per_customer
    }

    /// How often one linked promotion may be redeemed.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn max_redemptions_per_link(&self) -> u32 {
        self.0.max_redemptions_per_link
    }

    /// The campaign's codes, in the order of their text. `first` is 1 to 100; a page costs the same anywhere in the
    /// list.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn codes(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: Option<i32>,
        after: Option<String>,
    ) -> Result<List<PromotionCode>> {
        let page = page(first, after.as_deref()).map_err(place(ctx))?;
        let rows = ctx.data::<Loaders>()?.codes_of_campaign(self.0.id, &page).await.map_err(place(ctx))?;
        Ok(list(&page, rows, |code| code.code.folded().clone(), PromotionCode))
    }
}

/// A campaign to define.
#[derive(InputObject)]
pub struct CreateCampaignInput {
    /// Its name, for people: 1 to 200 characters, all of which can be seen.
    name: String,
    /// What its codes are for.
    mode: PromotionMode,
    /// The last moment at which its codes can be linked and its promotions redeemed.
    valid_till: Timestamp,
    /// The first moment at which its promotions can be redeemed. Null: now.
    redeemable_from: Option<Timestamp>,
    /// Whether its codes can be linked and redeemed at all.
    #[graphql(default_with = "Some(true)")]
    active: Option<bool>,
    /// Days (of 24 hours) a promotion stays valid after linking, 1 to 36500. Null: until validTill.
    valid_for_days: Option<i32>,
    /// How many codes of this campaign one customer may hold. Null: no limit.
    max_links_per_customer: Option<i32>,
    /// How often one linked promotion may be redeemed.
    #[graphql(default_with = "Some(1)")]
    max_redemptions_per_link: Option<i32>,
}

/// Defines a campaign.
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
    let created = created.map_err(|error| broken(&error))?;
    created.map(|campaign| Campaign(Arc::new(campaign))).map_err(invalid_campaign)
}

/// What to change of a campaign. A field that is left out stays as it is; promotions follow their campaign.
#[derive(InputObject)]
pub struct UpdateCampaignInput {
    /// The campaign's id.
    id: ID,
    /// Another name: 1 to 200 characters, all of which can be seen.
    name: Option<String>,
    /// Switches it on or off.
    active: Option<bool>,
    /// Another last moment.
    valid_till: Option<Timestamp>,
    /// Another first moment.
    redeemable_from: Option<Timestamp>,
    /// Another limit; null takes the limit away. What customers hold above it they keep.
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
    let changed = changed.map_err(|error| broken(&error))?.ok_or_else(|| refused(Refusal::NotFound))?;
    changed.map(|campaign| Campaign(Arc::new(campaign))).map_err(invalid_campaign)
}

fn invalid_campaign(invalid: InvalidCampaign) -> Error {
    let field = match invalid {
        InvalidCampaign::Name(_) => "name",
        InvalidCampaign::ValidTill => "validTill",
        InvalidCampaign::ValidForDays => "validForDays",
        InvalidCampaign::MaxLinksPerCustomer => "maxLinksPerCustomer",
        InvalidCampaign::MaxRedemptionsPerLink => "maxRedemptionsPerLink",
    };
    invalid_input(field, invalid)
}

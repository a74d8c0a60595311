//! `createCampaign` and `updateCampaign`.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Result};

use super::{Campaign, PromotionMode};
use crate::{
    auth::Principal,
    graphql::{
        error::{ApiError, invalid_input, log_store_error, refused},
        loaders::Loaders,
        types::{
            offer::{MetadataEntryInput, OfferInput, parse_metadata},
            scalars::{Timestamp, attribution, parse_id, parse_limit},
        },
    },
    promotions::{
        CampaignChange, CampaignContent, CampaignRejection, CampaignWithContent, InvalidCampaign, NewCampaign, Refusal,
    },
    service::PromotionService,
};

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
    /// until `validTill`.
    valid_for_days: Option<i32>,
    /// How many codes of this campaign one customer may hold, at least 1. Null: any number.
    max_links_per_customer: Option<i32>,
    /// How many times each promotion may be redeemed, at least 1. Null: 1.
    #[graphql(default_with = "Some(1)")]
    max_redemptions_per_link: Option<i32>,
    /// What shoppers are told about the campaign's promotions. Null: nothing.
    offer: Option<OfferInput>,
    /// Entries for operators, at most 50. Only admins can read them.
    #[graphql(default_with = "Some(Vec::new())")]
    metadata: Option<Vec<MetadataEntryInput>>,
}

/// Creates a campaign.
pub async fn create_campaign(ctx: &Context<'_>, input: CreateCampaignInput) -> Result<Campaign> {
    let offer = input.offer.map(OfferInput::parse).transpose()?;
    let new = NewCampaign {
        name: input.name,
        mode: input.mode.into(),
        active: input.active,
        redeemable_from: input.redeemable_from.map(|moment| moment.parse("redeemableFrom")).transpose()?,
        valid_till: input.valid_till.parse("validTill")?,
        valid_for_days: parse_limit(input.valid_for_days, "validForDays")?,
        max_links_per_customer: parse_limit(input.max_links_per_customer, "maxLinksPerCustomer")?,
        max_redemptions_per_link: parse_limit(input.max_redemptions_per_link, "maxRedemptionsPerLink")?,
        content: CampaignContent { offer, metadata: parse_metadata(input.metadata)? },
    };
    let org = ctx.data::<Principal>()?.org;
    let created = ctx.data::<Arc<PromotionService>>()?.create_campaign(org, new, ctx.data()?).await;
    let created = created.inspect_err(log_store_error).map_err(ApiError::from)?;
    let created = created.map_err(invalid_campaign)?;
    written(ctx, created)
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
    /// For how many days (of 24 hours) after linking a promotion is valid, 1 to 36500, at most until `validTill`. Null: until
    /// `validTill`. Existing promotions get the `validTill` that follows: some may expire, others become valid again.
    valid_for_days: MaybeUndefined<i32>,
    /// How many times each promotion may be redeemed, at least 1. Null: no change. Redemptions above a new limit remain; such
    /// promotions are in the state REDEEMED.
    max_redemptions_per_link: Option<i32>,
    /// Replaces the whole offer. Null removes it.
    offer: MaybeUndefined<OfferInput>,
    /// Replaces all entries for operators, at most 50. Null: no change.
    metadata: Option<Vec<MetadataEntryInput>>,
    /// The `version` of the campaign that you have read. If the campaign has another version by now, nothing changes, and the
    /// mutation fails with CONFLICT. After a lost response, compare the values first: your own change may have been made.
    /// Null: change any version.
    expected_version: Option<i32>,
    /// The reason for the change, which its event records: 1 to 500 visible characters after trimming. Null: no reason.
    reason: Option<String>,
}

/// Changes a campaign.
pub async fn update_campaign(ctx: &Context<'_>, input: UpdateCampaignInput) -> Result<Campaign> {
    let id = parse_id(&input.id, "id")?;
    let change = CampaignChange {
        name: input.name,
        active: input.active,
        valid_till: input.valid_till.map(|moment| moment.parse("validTill")).transpose()?,
        redeemable_from: input.redeemable_from.map(|moment| moment.parse("redeemableFrom")).transpose()?,
        valid_for_days: unless_omitted(input.valid_for_days, |days| parse_limit(days, "validForDays"))?,
        max_links_per_customer: unless_omitted(input.max_links_per_customer, |limit| {
            parse_limit(limit, "maxLinksPerCustomer")
        })?,
        max_redemptions_per_link: parse_limit(input.max_redemptions_per_link, "maxRedemptionsPerLink")?,
        offer: unless_omitted(input.offer, |offer| offer.map(OfferInput::parse).transpose())?,
        metadata: input.metadata.map(|entries| parse_metadata(Some(entries))).transpose()?,
        expected_version: parse_limit(input.expected_version, "expectedVersion")?,
    };
    let by = attribution(ctx, input.reason)?;
    let org = ctx.data::<Principal>()?.org;
    let changed = ctx.data::<Arc<PromotionService>>()?.update_campaign(org, id, &change, &by).await;
    let changed =
        changed.inspect_err(log_store_error).map_err(ApiError::from)?.ok_or_else(|| refused(Refusal::NotFound))?;
    let rejected = |rejection| match rejection {
        CampaignRejection::Invalid(invalid) => invalid_campaign(invalid),
        CampaignRejection::VersionConflict => refused(Refusal::VersionConflict),
    };
    written(ctx, changed.map_err(rejected)?)
}

/// A campaign that was written. The response has the content that was written with it.
fn written(ctx: &Context<'_>, whole: CampaignWithContent) -> Result<Campaign> {
    let whole = ctx.data::<Loaders>()?.keep_written(whole);
    Ok(Campaign(Arc::new(whole.campaign.clone())))
}

/// Parses a value that null removes. `None` if it was omitted.
fn unless_omitted<T, P>(
    input: MaybeUndefined<T>,
    parse: impl FnOnce(Option<T>) -> Result<P, ApiError>,
) -> Result<Option<P>, ApiError> {
    match input {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => parse(None).map(Some),
        MaybeUndefined::Value(value) => parse(Some(value)).map(Some),
    }
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

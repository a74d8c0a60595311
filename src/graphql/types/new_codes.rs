//! Codes come into being: generated from a pattern, or imported.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Result, SimpleObject};

use super::{
    access::{Role, access},
    campaign::Campaign,
    scalars::{parse_codes, parse_id, parse_limit},
};
use crate::{
    auth::Principal,
    graphql::error::{broken, code_space_too_small, invalid_input, refused},
    promotions::{self, Code, Pattern, Refusal},
    service::PromotionService,
};

/// The most codes that one call generates or imports.
const MAX_CODES_A_CALL: usize = 10_000;

/// What generated codes look like when nobody says: some 850,000,000,000 of them.
const DEFAULT_PATTERN: &str = "########";

/// Codes to generate.
#[derive(InputObject)]
pub struct GeneratePromotionCodesInput {
    /// The campaign that they are for.
    campaign_id: ID,
    /// How many: 1 to 10000. For more, `promolink codes generate` is on the command line.
    count: i32,
    /// What they look like: each # becomes a random letter or digit (none that is mistaken for another: no 0 and O, no
    /// 1, I and L); the rest stands as it is.
    #[graphql(default_with = "Some(DEFAULT_PATTERN.to_owned())")]
    pattern: Option<String>,
    /// How many customers may link each code. Null: any number.
    #[graphql(default_with = "Some(1)")]
    max_links: Option<i32>,
}

/// What was generated.
#[derive(SimpleObject)]
pub struct GeneratePromotionCodesResult {
    /// The campaign.
    #[graphql(directive = access::apply(Role::Admin))]
    campaign: Campaign,
    /// The new codes.
    #[graphql(directive = access::apply(Role::Admin))]
    codes: Vec<String>,
}

/// Generates codes.
pub async fn generate_promotion_codes(
    ctx: &Context<'_>,
    input: GeneratePromotionCodesInput,
) -> Result<GeneratePromotionCodesResult> {
    let count = match usize::try_from(input.count) {
        Ok(count) if (1..=MAX_CODES_A_CALL).contains(&count) => count,
        _ => return Err(invalid_input("count", format_args!("a number from 1 to {MAX_CODES_A_CALL} is wanted"))),
    };
    let pattern = Pattern::parse(input.pattern.as_deref().unwrap_or(DEFAULT_PATTERN))
        .map_err(|reason| invalid_input("pattern", reason))?;
    let max_links = parse_limit(input.max_links, "maxLinks")?;
    let campaign = campaign_of(ctx, &input.campaign_id).await?;
    let service = ctx.data::<Arc<PromotionService>>()?;
    let generated = service.generate(&campaign, &pattern, count, max_links).await.map_err(|error| broken(&error))?;
    let codes = generated.map_err(code_space_too_small)?;
    let codes = codes.iter().map(|code| code.text().to_owned()).collect();
    Ok(GeneratePromotionCodesResult { campaign: Campaign(Arc::new(campaign)), codes })
}

/// Codes to import.
#[derive(InputObject)]
pub struct ImportPromotionCodesInput {
    /// The campaign that they are for.
    campaign_id: ID,
    /// 1 to 10000 codes of 1 to 64 characters, all of which can be seen. Send many as a variable: a document may have 256
    /// KiB. For more, `promolink codes import` is on the command line.
    codes: Vec<String>,
    /// How many customers may link each code. Null: any number.
    #[graphql(default_with = "Some(1)")]
    max_links: Option<i32>,
}

/// What was imported.
#[derive(SimpleObject)]
pub struct ImportPromotionCodesResult {
    /// The campaign.
    #[graphql(directive = access::apply(Role::Admin))]
    campaign: Campaign,
    /// How many codes are new.
    #[graphql(directive = access::apply(Role::Admin))]
    imported: i32,
    /// Codes that were there already, in this campaign or another, or stand twice in the list: they stay as they were.
    #[graphql(directive = access::apply(Role::Admin))]
    duplicates: Vec<String>,
}

/// Imports codes.
pub async fn import_promotion_codes(
    ctx: &Context<'_>,
    input: ImportPromotionCodesInput,
) -> Result<ImportPromotionCodesResult> {
    if !(1..=MAX_CODES_A_CALL).contains(&input.codes.len()) {
        return Err(invalid_input("codes", format_args!("1 to {MAX_CODES_A_CALL} codes are wanted")));
    }
    let codes = parse_codes(&input.codes, "codes", Code::parse_new)?;
    let max_links = parse_limit(input.max_links, "maxLinks")?;
    let campaign = campaign_of(ctx, &input.campaign_id).await?;
    let service = ctx.data::<Arc<PromotionService>>()?;
    let duplicates = service.add_codes(&campaign, codes, max_links).await.map_err(|error| broken(&error))?;
    let imported = i32::try_from(input.codes.len() - duplicates.len()).unwrap_or(i32::MAX);
    let duplicates = duplicates.iter().map(|code| code.text().to_owned()).collect();
    Ok(ImportPromotionCodesResult { campaign: Campaign(Arc::new(campaign)), imported, duplicates })
}

async fn campaign_of(ctx: &Context<'_>, id: &ID) -> Result<promotions::Campaign> {
    let org = ctx.data::<Principal>()?.org;
    let found = ctx.data::<Arc<PromotionService>>()?.campaign(org, parse_id(id, "campaignId")?).await;
    found.map_err(|error| broken(&error))?.ok_or_else(|| refused(Refusal::NotFound))
}

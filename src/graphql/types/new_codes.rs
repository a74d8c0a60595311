//! The mutations that create codes: from a pattern, or from a list.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Result, SimpleObject};

use super::{
    access_directive::{Role, access},
    campaign::Campaign,
    scalars::{parse_codes, parse_id, parse_limit},
};
use crate::{
    auth::Principal,
    graphql::error::{ApiError, code_space_too_small, invalid_input, log_store_error, refused},
    promotions::{self, Code, Pattern, Refusal},
    service::PromotionService,
};

/// The most codes of one call.
const MAX_CODES: usize = 10_000;

/// The default pattern. It has 31^8, some 850,000,000,000, possible codes.
const DEFAULT_PATTERN: &str = "########";

/// The number and the format of the codes to generate.
#[derive(InputObject)]
pub struct GeneratePromotionCodesInput {
    /// The campaign to add the codes to.
    campaign_id: ID,
    /// How many codes to generate, 1 to 10000. To generate more, use the command line: `promolink codes generate`.
    count: i32,
    /// The format of the codes: at most 64 characters, including at least one `#`. Each `#` is replaced with a random
    /// character of `23456789ABCDEFGHJKMNPQRSTUVWXYZ` (without 0, O, 1, I and L, which are easily confused). Other
    /// characters are kept. Null: the default.
    #[graphql(default_with = "Some(DEFAULT_PATTERN.to_owned())")]
    pattern: Option<String>,
    /// How many customers may link each code, at least 1. Null: any number.
    #[graphql(default_with = "Some(1)")]
    max_links: Option<i32>,
}

/// The codes that were generated.
#[derive(SimpleObject)]
pub struct GeneratePromotionCodesResult {
    /// The campaign that the codes were added to. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    campaign: Campaign,
    /// The new codes. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    codes: Vec<String>,
}

/// Generates codes.
pub async fn generate_promotion_codes(
    ctx: &Context<'_>,
    input: GeneratePromotionCodesInput,
) -> Result<GeneratePromotionCodesResult> {
    let count = match usize::try_from(input.count) {
        Ok(count) if (1..=MAX_CODES).contains(&count) => count,
        _ => return Err(invalid_input("count", format_args!("must be 1 to {MAX_CODES}")).into()),
    };
    let pattern = Pattern::parse(input.pattern.as_deref().unwrap_or(DEFAULT_PATTERN))
        .map_err(|reason| invalid_input("pattern", reason))?;
    let max_links = parse_limit(input.max_links, "maxLinks")?;
    let campaign = campaign_of(ctx, &input.campaign_id).await?;
    let service = ctx.data::<Arc<PromotionService>>()?;
    let generated = service.generate(&campaign, &pattern, count, max_links, ctx.data()?).await;
    let generated = generated.inspect_err(log_store_error).map_err(ApiError::from)?;
    let codes = generated.map_err(code_space_too_small)?;
    let codes = codes.iter().map(|code| code.text().to_owned()).collect();
    Ok(GeneratePromotionCodesResult { campaign: Campaign(Arc::new(campaign)), codes })
}

/// The codes to import.
#[derive(InputObject)]
pub struct ImportPromotionCodesInput {
    /// The campaign to add the codes to.
    campaign_id: ID,
    /// 1 to 10000 codes, each of 1 to 64 visible characters after trimming. Send long lists in a variable, because the
    /// document itself is limited to 256 KiB. To import more codes, use the command line: `promolink codes import`.
    codes: Vec<String>,
    /// How many customers may link each code, at least 1. Null: any number.
    #[graphql(default_with = "Some(1)")]
    max_links: Option<i32>,
}

/// The result of an import.
#[derive(SimpleObject)]
pub struct ImportPromotionCodesResult {
    /// The campaign that the codes were added to. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    campaign: Campaign,
    /// How many codes were added. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    imported: i32,
    /// Codes that were not added, because they already exist in this campaign or in another campaign of the same mode,
    /// or are repeated in the list. Existing codes are not changed. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    duplicates: Vec<String>,
}

/// Imports codes.
pub async fn import_promotion_codes(
    ctx: &Context<'_>,
    input: ImportPromotionCodesInput,
) -> Result<ImportPromotionCodesResult> {
    if !(1..=MAX_CODES).contains(&input.codes.len()) {
        return Err(invalid_input("codes", format_args!("must have 1 to {MAX_CODES} codes")).into());
    }
    let codes = parse_codes(&input.codes, "codes", Code::parse_new)?;
    let max_links = parse_limit(input.max_links, "maxLinks")?;
    let campaign = campaign_of(ctx, &input.campaign_id).await?;
    let service = ctx.data::<Arc<PromotionService>>()?;
    let duplicates = service.add_codes(&campaign, codes, max_links, ctx.data()?).await;
    let duplicates = duplicates.inspect_err(log_store_error).map_err(ApiError::from)?;
    let imported = i32::try_from(input.codes.len() - duplicates.len()).unwrap_or(i32::MAX);
    let duplicates = duplicates.iter().map(|code| code.text().to_owned()).collect();
    Ok(ImportPromotionCodesResult { campaign: Campaign(Arc::new(campaign)), imported, duplicates })
}

/// Returns the campaign that codes are added to.
async fn campaign_of(ctx: &Context<'_>, id: &ID) -> Result<promotions::Campaign> {
    let org = ctx.data::<Principal>()?.org;
    let found = ctx.data::<Arc<PromotionService>>()?.campaign(org, parse_id(id, "campaignId")?).await;
    let found = found.inspect_err(log_store_error).map_err(ApiError::from)?;
    Ok(found.ok_or_else(|| refused(Refusal::NotFound))?)
}

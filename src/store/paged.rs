//! Queries of pages: of an organisation's campaigns, or of a parent's children. The same for both databases. Each store
//! reads the pages of many parents, each with a cursor of its own, in one statement.

mod parent;

use diesel::{
    dsl::auto_type,
    prelude::*,
    sql_types::{BigInt, Text},
};
use uuid::Uuid;

pub use self::parent::{After, Parent, Starts};
use super::{
    promotion_conditions::PassesFilter,
    rows::{Id, mode_to_db},
    schema::{PublicId, campaigns, promotion_codes, promotions, redemptions},
};
use crate::promotions::{
    CampaignId, CustomerId, FoldedCode, OrgId, PromotionId, PromotionMode, RedemptionId, Start, WalletFilter,
};

#[auto_type]
pub fn campaigns_before(org: i64, before: Parent<PublicId>, limit: i64) -> _ {
    campaigns::table
        .filter(campaigns::org_id.eq(org))
        .filter(campaigns::id.lt(before))
        .order(campaigns::id.desc())
        .limit(limit)
}

/// Pages of an organisation's campaigns, newest first: their cursors, and the query of each.
pub fn campaign_pages(org: OrgId, afters: &[Option<CampaignId>], limit: u32) -> (Vec<Id>, campaigns_before) {
    let before = afters.iter().map(|after| after.map_or_else(largest, |id| Id(id.get()))).collect();
    (before, campaigns_before(org.get(), Parent::new(), limit.into()))
}

#[auto_type]
pub fn codes_after(org: i64, campaign: Parent<PublicId>, after: After<Text>, limit: i64) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::campaign_id.eq(campaign))
        .filter(promotion_codes::folded.gt(after))
        .order(promotion_codes::folded.asc())
        .limit(limit)
}

/// Pages of campaigns' codes, in the order of their folded text.
pub fn codes_of_campaigns(
    org: OrgId,
    starts: &[Start<CampaignId, FoldedCode>],
    limit: u32,
) -> (Starts<Id, String>, codes_after) {
    // No folded text is empty, so all of them come after the empty text.
    let starts = Starts::new(starts, |id| Id(id.get()), |folded| folded.as_str().to_owned(), String::new);
    (starts, codes_after(org.get(), Parent::new(), After::new(), limit.into()))
}

#[auto_type]
pub fn holds_after(org: i64, mode: i16, code: Parent<Text>, after: After<BigInt>, limit: i64) -> _ {
    promotions::table
        .filter(promotions::org_id.eq(org))
        .filter(promotions::mode.eq(mode))
        .filter(promotions::folded.eq(code))
        .filter(promotions::unlinked_on.is_null())
        .filter(promotions::customer_id.gt(after))
        .order(promotions::customer_id.asc())
        .limit(limit)
}

/// Pages of codes' standing holds, in the order of their customers.
pub fn holds_of_codes(
    org: OrgId,
    mode: PromotionMode,
    starts: &[Start<FoldedCode, CustomerId>],
    limit: u32,
) -> (Starts<String, i64>, holds_after) {
    let starts = Starts::new(starts, |folded| folded.as_str().to_owned(), |customer| customer.get(), || -1);
    (starts, holds_after(org.get(), mode_to_db(mode), Parent::new(), After::new(), limit.into()))
}

#[auto_type]
pub fn wallet_before(
    org: i64,
    customer: Parent<BigInt>,
    filter: PassesFilter,
    before: After<PublicId>,
    limit: i64,
) -> _ {
    promotions::table
        .filter(promotions::org_id.eq(org))
        .filter(promotions::customer_id.eq(customer))
        .filter(filter)
        .filter(promotions::id.lt(before))
        .order(promotions::id.desc())
        .limit(limit)
}

/// Pages of customers' promotions, newest first.
pub fn wallets(
    org: OrgId,
    starts: &[Start<CustomerId, PromotionId>],
    filter: WalletFilter,
    limit: u32,
) -> (Starts<i64, Id>, wallet_before) {
    let starts = Starts::new(starts, |customer| customer.get(), |id| Id(id.get()), largest);
    (starts, wallet_before(org.get(), Parent::new(), PassesFilter::new(org, filter), After::new(), limit.into()))
}

#[auto_type]
pub fn redemptions_after(org: i64, promotion: Parent<PublicId>, after: After<PublicId>, limit: i64) -> _ {
    redemptions::table
        .filter(redemptions::org_id.eq(org))
        .filter(redemptions::promotion_id.eq(promotion))
        .filter(redemptions::id.gt(after))
        .order(redemptions::id.asc())
        .limit(limit)
}

/// Pages of promotions' redemptions, oldest first.
pub fn redemptions_of_promotions(
    org: OrgId,
    starts: &[Start<PromotionId, RedemptionId>],
    limit: u32,
) -> (Starts<Id, Id>, redemptions_after) {
    let starts = Starts::new(starts, |id| Id(id.get()), |id| Id(id.get()), || Id(Uuid::nil()));
    (starts, redemptions_after(org.get(), Parent::new(), After::new(), limit.into()))
}

/// The id before which pages in descending order begin: the largest.
fn largest() -> Id {
    Id(Uuid::max())
}

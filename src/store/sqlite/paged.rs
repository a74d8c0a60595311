//! Pages in SQLite: each function returns the statement that reads the pages of all starts.

use diesel::{
    dsl::{Select, auto_type},
    prelude::*,
};

use super::{
    json_sets::{InPages, JsonSets},
    keyed::promotions_in_full,
};
use crate::{
    promotions::{
        CampaignId, CustomerId, FoldedCode, OrgId, PromotionId, PromotionMode, RedemptionId, Start, WalletFilter,
    },
    store::{
        paged,
        schema::{campaigns, promotion_codes, promotions, redemptions},
    },
};

type CampaignsInPages = InPages<campaigns::id, Select<paged::campaigns_before, campaigns::id>>;

#[auto_type]
fn campaigns_in(org: i64, pages: CampaignsInPages) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(pages)
}

/// Pages of campaigns.
pub fn campaign_pages(org: OrgId, afters: &[Option<CampaignId>], limit: u32) -> campaigns_in {
    let (starts, page) = paged::campaign_pages(org, afters, limit);
    campaigns_in(org.get(), campaigns::id.in_pages(&*starts, page.select(campaigns::id)))
}

type CodesInPages =
    InPages<promotion_codes::folded, Select<paged::codes_after, promotion_codes::folded>, promotion_codes::campaign_id>;

#[auto_type]
fn codes_in(org: i64, pages: CodesInPages) -> _ {
    promotion_codes::table.filter(promotion_codes::org_id.eq(org)).filter(pages)
}

/// Pages of campaigns' codes.
pub fn codes_of_campaigns(org: OrgId, starts: &[Start<CampaignId, FoldedCode>], limit: u32) -> codes_in {
    let (starts, page) = paged::codes_of_campaigns(org, starts, limit);
    let page = page.select(promotion_codes::folded);
    // Campaigns of different modes can have the same code.
    let pages = promotion_codes::folded.in_pages_of(promotion_codes::campaign_id, &starts, page);
    codes_in(org.get(), pages)
}

type HoldsInPages = InPages<promotions::id, Select<paged::holds_after, promotions::id>>;

#[auto_type]
fn holds_in(org: i64, pages: HoldsInPages) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(pages)
}

/// Pages of codes' standing holds.
pub fn holds_of_codes(
    org: OrgId,
    mode: PromotionMode,
    starts: &[Start<FoldedCode, CustomerId>],
    limit: u32,
) -> holds_in {
    let (starts, page) = paged::holds_of_codes(org, mode, starts, limit);
    holds_in(org.get(), promotions::id.in_pages(&starts, page.select(promotions::id)))
}

type WalletsInPages = InPages<promotions::id, Select<paged::wallet_before, promotions::id>>;

#[auto_type]
fn wallets_in(org: i64, pages: WalletsInPages) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(pages)
}

/// Pages of customers' promotions.
pub fn wallets(org: OrgId, starts: &[Start<CustomerId, PromotionId>], filter: WalletFilter, limit: u32) -> wallets_in {
    let (starts, page) = paged::wallets(org, starts, filter, limit);
    wallets_in(org.get(), promotions::id.in_pages(&starts, page.select(promotions::id)))
}

type RedemptionsInPages = InPages<redemptions::id, Select<paged::redemptions_after, redemptions::id>>;

#[auto_type]
fn redemptions_in(org: i64, pages: RedemptionsInPages) -> _ {
    redemptions::table.filter(redemptions::org_id.eq(org)).filter(pages)
}

/// Pages of promotions' redemptions.
pub fn redemptions_of_promotions(
    org: OrgId,
    starts: &[Start<PromotionId, RedemptionId>],
    limit: u32,
) -> redemptions_in {
    let (starts, page) = paged::redemptions_of_promotions(org, starts, limit);
    redemptions_in(org.get(), redemptions::id.in_pages(&starts, page.select(redemptions::id)))
}

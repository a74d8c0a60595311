//! What is read by its keys, and on pages.

use diesel::{
    dsl::{Select, auto_type},
    prelude::*,
};

use super::pages::{Among, InPages, KeyOfPages};
use crate::{
    promotions::{
        CampaignId, CustomerId, FoldedCode, OrgId, PromotionId, PromotionMode, RedemptionId, Start, WalletFilter,
    },
    store::{
        lists,
        rows::{Id, mode_to_db},
        schema::{campaigns, promotion_codes, promotions, redemptions},
    },
};

/// Every promotion beside its code and campaign, to be narrowed by the caller.
#[auto_type]
fn promotions_in_full() -> _ {
    promotions::table
        .inner_join(
            promotion_codes::table.on(promotion_codes::org_id
                .eq(promotions::org_id)
                .and(promotion_codes::mode.eq(promotions::mode))
                .and(promotion_codes::folded.eq(promotions::folded))),
        )
        .inner_join(
            campaigns::table
                .on(campaigns::org_id.eq(promotions::org_id).and(campaigns::id.eq(promotions::campaign_id))),
        )
}

#[auto_type]
fn promotions_among(org: i64, ids: Among<promotions::id>) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(ids)
}

/// The promotions of an organisation with these ids.
pub fn promotions_by_id(org: OrgId, ids: &[PromotionId]) -> promotions_among {
    let ids: Vec<Id> = ids.iter().map(|id| Id(id.get())).collect();
    promotions_among(org.get(), promotions::id.among(&ids))
}

#[auto_type]
fn codes_among(org: i64, mode: i16, folded: Among<promotion_codes::folded>) -> _ {
    promotion_codes::table.filter(promotion_codes::org_id.eq(org)).filter(promotion_codes::mode.eq(mode)).filter(folded)
}

/// The codes of an organisation and mode with these folded texts.
pub fn codes_by_text(org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> codes_among {
    let folded: Vec<String> = folded.iter().map(|folded| folded.as_str().to_owned()).collect();
    codes_among(org.get(), mode_to_db(mode), promotion_codes::folded.among(&folded))
}

#[auto_type]
fn campaigns_among(org: i64, ids: Among<campaigns::id>) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(ids)
}

/// The campaigns of an organisation with these ids.
pub fn campaigns_by_id(org: OrgId, ids: &[CampaignId]) -> campaigns_among {
    let ids: Vec<Id> = ids.iter().map(|id| Id(id.get())).collect();
    campaigns_among(org.get(), campaigns::id.among(&ids))
}

type CampaignsInPages = InPages<campaigns::id, Select<lists::campaigns_before, campaigns::id>>;

#[auto_type]
fn campaigns_in(org: i64, pages: CampaignsInPages) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(pages)
}

/// Pages of campaigns.
pub fn campaign_pages(org: OrgId, afters: &[Option<CampaignId>], limit: u32) -> campaigns_in {
    let (starts, page) = lists::campaign_pages(org, afters, limit);
    campaigns_in(org.get(), campaigns::id.in_pages(&*starts, page.select(campaigns::id)))
}

type CodesInPages =
    InPages<promotion_codes::folded, Select<lists::codes_after, promotion_codes::folded>, promotion_codes::campaign_id>;

#[auto_type]
fn codes_in(org: i64, pages: CodesInPages) -> _ {
    promotion_codes::table.filter(promotion_codes::org_id.eq(org)).filter(pages)
}

/// Pages of campaigns' codes.
pub fn codes_of_campaigns(org: OrgId, starts: &[Start<CampaignId, FoldedCode>], limit: u32) -> codes_in {
    let (starts, page) = lists::codes_of_campaigns(org, starts, limit);
    let page = page.select(promotion_codes::folded);
    // Campaigns of different modes may have the same text.
    let pages = promotion_codes::folded.in_pages_of(promotion_codes::campaign_id, &starts, page);
    codes_in(org.get(), pages)
}

type HoldsInPages = InPages<promotions::id, Select<lists::holds_after, promotions::id>>;

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
    let (starts, page) = lists::holds_of_codes(org, mode, starts, limit);
    holds_in(org.get(), promotions::id.in_pages(&starts, page.select(promotions::id)))
}

type WalletsInPages = InPages<promotions::id, Select<lists::wallet_before, promotions::id>>;

#[auto_type]
fn wallets_in(org: i64, pages: WalletsInPages) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(pages)
}

/// Pages of customers' promotions.
pub fn wallets(org: OrgId, starts: &[Start<CustomerId, PromotionId>], filter: WalletFilter, limit: u32) -> wallets_in {
    let (starts, page) = lists::wallets(org, starts, filter, limit);
    wallets_in(org.get(), promotions::id.in_pages(&starts, page.select(promotions::id)))
}

type RedemptionsInPages = InPages<redemptions::id, Select<lists::redemptions_after, redemptions::id>>;

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
    let (starts, page) = lists::redemptions_of_promotions(org, starts, limit);
    redemptions_in(org.get(), redemptions::id.in_pages(&starts, page.select(redemptions::id)))
}

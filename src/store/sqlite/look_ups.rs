//! What is read by its keys, and on pages.

use diesel::{
    dsl::{Select, auto_type},
    prelude::*,
};

use super::pages::{InPages, KeyOfPages};
use crate::{
    promotions::{
        CampaignId, CustomerId, FoldedCode, OrgId, Page, PromotionId, PromotionMode, RedemptionId, WalletFilter,
    },
    store::{
        lists,
        rows::Id,
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

/// The promotions of an organisation with these ids.
#[auto_type]
pub fn promotions_by_id(org: i64, ids: Vec<Id>) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(promotions::id.eq_any(ids))
}

/// The codes of an organisation and mode with these folded texts.
#[auto_type]
pub fn codes_by_text(org: i64, mode: i16, folded: Vec<String>) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::mode.eq(mode))
        .filter(promotion_codes::folded.eq_any(folded))
}

/// The campaigns of an organisation with these ids.
#[auto_type]
pub fn campaigns_by_id(org: i64, ids: Vec<Id>) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(campaigns::id.eq_any(ids))
}

type CodesInPages = InPages<promotion_codes::folded, Select<lists::codes_after, promotion_codes::folded>>;

#[auto_type]
fn codes_in(org: i64, campaigns: Vec<Id>, pages: CodesInPages) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::campaign_id.eq_any(campaigns))
        .filter(pages)
}

/// A page of each campaign's codes.
pub fn codes_of_campaigns(org: OrgId, campaigns: &[CampaignId], page: &Page<FoldedCode>) -> codes_in {
    let campaigns: Vec<Id> = campaigns.iter().map(|id| Id(id.get())).collect();
    let codes = lists::codes_of_campaign(org, page).select(promotion_codes::folded);
    let pages = promotion_codes::folded.in_pages(&campaigns, codes);
    codes_in(org.get(), campaigns, pages)
}

type HoldsInPages = InPages<promotions::id, Select<lists::holds_after, promotions::id>>;

#[auto_type]
fn holds_in(org: i64, pages: HoldsInPages) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(pages)
}

/// A page of each code's standing holds.
pub fn holds_of_codes(org: OrgId, mode: PromotionMode, codes: &[FoldedCode], page: &Page<CustomerId>) -> holds_in {
    let codes: Vec<String> = codes.iter().map(|folded| folded.as_str().to_owned()).collect();
    let holds = lists::holds_of_code(org, mode, page).select(promotions::id);
    holds_in(org.get(), promotions::id.in_pages(&codes, holds))
}

type WalletsInPages = InPages<promotions::id, Select<lists::wallet_before, promotions::id>>;

#[auto_type]
fn wallets_in(org: i64, pages: WalletsInPages) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(pages)
}

/// A page of each customer's promotions.
pub fn wallets(org: OrgId, customers: &[CustomerId], filter: WalletFilter, page: &Page<PromotionId>) -> wallets_in {
    let customers: Vec<i64> = customers.iter().map(|customer| customer.get()).collect();
    let wallet = lists::wallet(org, filter, page).select(promotions::id);
    wallets_in(org.get(), promotions::id.in_pages(&customers, wallet))
}

type RedemptionsInPages = InPages<redemptions::id, Select<lists::redemptions_after, redemptions::id>>;

#[auto_type]
fn redemptions_in(org: i64, pages: RedemptionsInPages) -> _ {
    redemptions::table.filter(redemptions::org_id.eq(org)).filter(pages)
}

/// A page of each promotion's redemptions.
pub fn redemptions_of_promotions(org: OrgId, promotions: &[PromotionId], page: &Page<RedemptionId>) -> redemptions_in {
    let promotions: Vec<Id> = promotions.iter().map(|id| Id(id.get())).collect();
    let redemptions = lists::redemptions_of_promotion(org, page).select(redemptions::id);
    redemptions_in(org.get(), redemptions::id.in_pages(&promotions, redemptions))
}

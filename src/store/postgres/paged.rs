//! Pages in PostgreSQL: each function returns the statement that reads the pages of all starts.

use super::lateral_join::ForEach;
use crate::{
    promotions::{
        CampaignId, CustomerId, FoldedCode, OrgId, PromotionId, PromotionMode, RedemptionId, Start, WalletFilter,
    },
    store::{
        paged::{self, Starts},
        rows::{CampaignRow, CodeRow, Id, PromotionRow, RedemptionRow},
    },
};

/// Pages of campaigns.
pub fn campaign_pages(
    org: OrgId,
    afters: &[Option<CampaignId>],
    limit: u32,
) -> ForEach<CampaignRow, Vec<Id>, paged::campaigns_before> {
    let (starts, page) = paged::campaign_pages(org, afters, limit);
    ForEach::new(org, starts, page)
}

/// Pages of campaigns' codes.
pub fn codes_of_campaigns(
    org: OrgId,
    starts: &[Start<CampaignId, FoldedCode>],
    limit: u32,
) -> ForEach<CodeRow, Starts<Id, String>, paged::codes_after> {
    let (starts, page) = paged::codes_of_campaigns(org, starts, limit);
    ForEach::new(org, starts, page)
}

/// Pages of codes' standing holds.
pub fn holds_of_codes(
    org: OrgId,
    mode: PromotionMode,
    starts: &[Start<FoldedCode, CustomerId>],
    limit: u32,
) -> ForEach<PromotionRow, Starts<String, i64>, paged::holds_after> {
    let (starts, page) = paged::holds_of_codes(org, mode, starts, limit);
    ForEach::new(org, starts, page)
}

/// Pages of customers' promotions.
pub fn wallets(
    org: OrgId,
    starts: &[Start<CustomerId, PromotionId>],
    filter: WalletFilter,
    limit: u32,
) -> ForEach<PromotionRow, Starts<i64, Id>, paged::wallet_before> {
    let (starts, page) = paged::wallets(org, starts, filter, limit);
    ForEach::new(org, starts, page)
}

/// Pages of promotions' redemptions.
pub fn redemptions_of_promotions(
    org: OrgId,
    starts: &[Start<PromotionId, RedemptionId>],
    limit: u32,
) -> ForEach<RedemptionRow, Starts<Id, Id>, paged::redemptions_after> {
    let (starts, page) = paged::redemptions_of_promotions(org, starts, limit);
    ForEach::new(org, starts, page)
}

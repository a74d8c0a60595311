//! Reads from SQLite: one statement each.

use async_trait::async_trait;
use diesel::prelude::*;

use super::{SqliteStore, keyed, paged};
use crate::{
    promotions::{
        Campaign, CampaignId, CampaignWithContent, CustomerId, FoldedCode, LinkKey, OrgId, Promotion, PromotionCode,
        PromotionId, PromotionMode, PromotionReads, Redemption, RedemptionId, Start, WalletFilter,
    },
    store::{
        error::StoreResult,
        keyed::count_codes,
        ordering,
        rows::{
            CampaignRow, CampaignWithContentRow, CodeRow, PromotionRow, RedemptionRow, contents_by_id, into_domain,
            mode_to_db,
        },
    },
};

#[async_trait]
impl PromotionReads for SqliteStore {
    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> StoreResult<Vec<Promotion>> {
        let query = keyed::promotions_by_id(org, ids);
        self.read(move |connection| into_domain(query.select(PromotionRow::as_select()).load(connection)?)).await
    }

    async fn codes(&self, org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> StoreResult<Vec<PromotionCode>> {
        let query = keyed::codes_by_text(org, mode, folded);
        self.read(move |connection| into_domain(query.select(CodeRow::as_select()).load(connection)?)).await
    }

    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> StoreResult<Vec<Campaign>> {
        let query = keyed::campaigns_by_id(org, ids);
        self.read(move |connection| into_domain(query.select(CampaignRow::as_select()).load(connection)?)).await
    }

    async fn campaign_contents(
        &self,
        org: OrgId,
        ids: &[CampaignId],
    ) -> StoreResult<Vec<(CampaignId, StoreResult<CampaignWithContent>)>> {
        let query = keyed::campaigns_by_id(org, ids);
        self.read(move |connection| {
            Ok(contents_by_id(query.select(CampaignWithContentRow::as_select()).load(connection)?))
        })
        .await
    }

    async fn held_promotions(&self, org: OrgId, keys: &[LinkKey]) -> StoreResult<Vec<Promotion>> {
        let keys = keys.to_vec();
        self.read(move |connection| {
            let mut held: Vec<PromotionRow> = Vec::with_capacity(keys.len());
            for (mode, folded, customer) in keys {
                let query =
                    keyed::held_promotion(org.get(), mode_to_db(mode), folded.as_str().to_owned(), customer.get());
                held.extend(query.select(PromotionRow::as_select()).get_result(connection).optional()?);
            }
            into_domain(held)
        })
        .await
    }

    async fn count_codes(&self, org: OrgId, mode: PromotionMode, beginning: &str, at_most: u64) -> StoreResult<u64> {
        let query = count_codes(org, mode, beginning, at_most);
        self.read(move |connection| Ok(u64::try_from(query.get_result::<i64>(connection)?)?)).await
    }

    async fn campaign_pages(
        &self,
        org: OrgId,
        afters: &[Option<CampaignId>],
        limit: u32,
    ) -> StoreResult<Vec<Campaign>> {
        let query = paged::campaign_pages(org, afters, limit).select(CampaignRow::as_select());
        self.read(move |connection| ordering::sorted(query.load(connection)?, ordering::newest_campaign)).await
    }

    async fn codes_of_campaigns(
        &self,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        limit: u32,
    ) -> StoreResult<Vec<PromotionCode>> {
        let query = paged::codes_of_campaigns(org, starts, limit).select(CodeRow::as_select());
        self.read(move |connection| ordering::sorted(query.load(connection)?, ordering::by_text)).await
    }

    async fn holds_of_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        starts: &[Start<FoldedCode, CustomerId>],
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        let query = paged::holds_of_codes(org, mode, starts, limit).select(PromotionRow::as_select());
        self.read(move |connection| ordering::sorted(query.load(connection)?, ordering::by_customer)).await
    }

    async fn wallets(
        &self,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: WalletFilter,
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        let query = paged::wallets(org, starts, filter, limit).select(PromotionRow::as_select());
        self.read(move |connection| ordering::sorted(query.load(connection)?, ordering::newest_promotion)).await
    }

    async fn redemptions_of_promotions(
        &self,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        limit: u32,
    ) -> StoreResult<Vec<Redemption>> {
        let query = paged::redemptions_of_promotions(org, starts, limit).select(RedemptionRow::as_select());
        self.read(move |connection| ordering::sorted(query.load(connection)?, ordering::oldest_redemption)).await
    }
}

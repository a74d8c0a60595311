//! Reads from PostgreSQL: one statement each.

use async_trait::async_trait;
use diesel_async::RunQueryDsl;

use super::{PostgresStore, keyed, paged, statements::ReadHolds};
use crate::{
    promotions::{
        Campaign, CampaignId, CampaignWithContent, CustomerId, FoldedCode, LinkKey, OrgId, Promotion, PromotionCode,
        PromotionId, PromotionMode, PromotionReads, Redemption, RedemptionId, Start, WalletFilter,
    },
    store::{
        error::StoreResult,
        keyed::count_codes,
        ordering,
        rows::{CampaignRow, CodeRow, HoldRow, PromotionRow, RedemptionRow, contents_by_id, into_domain},
    },
};

#[async_trait]
impl PromotionReads for PostgresStore {
    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> StoreResult<Vec<Promotion>> {
        let query = keyed::promotions_by_id(org, ids);
        self.run(async |connection| into_domain::<PromotionRow, _>(query.load(connection).await?)).await
    }

    async fn codes(&self, org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> StoreResult<Vec<PromotionCode>> {
        let query = keyed::codes_by_text(org, mode, folded);
        self.run(async |connection| into_domain::<CodeRow, _>(query.load(connection).await?)).await
    }

    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> StoreResult<Vec<Campaign>> {
        let query = keyed::campaigns_by_id(org, ids);
        self.run(async |connection| into_domain::<CampaignRow, _>(query.load(connection).await?)).await
    }

    async fn campaign_contents(
        &self,
        org: OrgId,
        ids: &[CampaignId],
    ) -> StoreResult<Vec<(CampaignId, StoreResult<CampaignWithContent>)>> {
        let query = keyed::campaign_contents_by_id(org, ids);
        self.run(async |connection| Ok(contents_by_id(query.load(connection).await?))).await
    }

    async fn held_promotions(&self, org: OrgId, keys: &[LinkKey]) -> StoreResult<Vec<Promotion>> {
        self.run(async |connection| {
            let keys = keys.iter().map(|(mode, folded, customer)| (*mode, folded, *customer));
            let holds: Vec<HoldRow> = ReadHolds::new(org, keys).load(connection).await?;
            let ids: Vec<PromotionId> = holds.into_iter().map(|hold| hold.id.0.into()).collect();
            into_domain::<PromotionRow, _>(keyed::promotions_by_id(org, &ids).load(connection).await?)
        })
        .await
    }

    async fn count_codes(&self, org: OrgId, mode: PromotionMode, beginning: &str, at_most: u64) -> StoreResult<u64> {
        let query = count_codes(org, mode, beginning, at_most);
        self.run(async |connection| Ok(u64::try_from(query.get_result::<i64>(connection).await?)?)).await
    }

    async fn campaign_pages(
        &self,
        org: OrgId,
        afters: &[Option<CampaignId>],
        limit: u32,
    ) -> StoreResult<Vec<Campaign>> {
        let query = paged::campaign_pages(org, afters, limit);
        self.run(async |connection| {
            ordering::sorted::<CampaignRow, _, _>(query.load(connection).await?, ordering::newest_campaign)
        })
        .await
    }

    async fn codes_of_campaigns(
        &self,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        limit: u32,
    ) -> StoreResult<Vec<PromotionCode>> {
        let query = paged::codes_of_campaigns(org, starts, limit);
        self.run(async |connection| ordering::sorted::<CodeRow, _, _>(query.load(connection).await?, ordering::by_text))
            .await
    }

    async fn holds_of_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        starts: &[Start<FoldedCode, CustomerId>],
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        let query = paged::holds_of_codes(org, mode, starts, limit);
        self.run(async |connection| {
            ordering::sorted::<PromotionRow, _, _>(query.load(connection).await?, ordering::by_customer)
        })
        .await
    }

    async fn wallets(
        &self,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: WalletFilter,
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        let query = paged::wallets(org, starts, filter, limit);
        self.run(async |connection| {
            ordering::sorted::<PromotionRow, _, _>(query.load(connection).await?, ordering::newest_promotion)
        })
        .await
    }

    async fn redemptions_of_promotions(
        &self,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        limit: u32,
    ) -> StoreResult<Vec<Redemption>> {
        let query = paged::redemptions_of_promotions(org, starts, limit);
        self.run(async |connection| {
            ordering::sorted::<RedemptionRow, _, _>(query.load(connection).await?, ordering::oldest_redemption)
        })
        .await
    }
}

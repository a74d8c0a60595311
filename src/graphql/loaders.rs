//! Per-request loaders: what the fields of a level ask for is read together, however many fields there are, under whatever
//! aliases and with whatever arguments.
//!
//! How many statements a level takes is bounded by the schema, not by the document: one for each kind of id, one for each
//! mode of codes, and at most seven for each list and filter (see [`pages`]), which are nine for a wallet (two modes or any,
//! active or not or any), two for the holds on codes (their modes) and one for the others.
//!
//! A query keeps what it has read until it ends, so that it reads a key once, even if the key occurs at several levels. A
//! mutation keeps nothing: one field may change what the next one reads.

mod batch;
mod ids;
mod pages;
mod turn;

use std::sync::Arc;

use async_graphql::Error;

use self::{
    batch::KindLoader,
    ids::{Campaigns, Codes, Promotions},
    pages::{CampaignList, CodesOfCampaign, HoldsOfCode, PageKey, Pages, RedemptionsOfPromotion, Wallet},
};
use crate::promotions::{
    Campaign, CampaignId, CustomerId, FoldedCode, OrgId, Page, Promotion, PromotionCode, PromotionId, PromotionMode,
    Redemption, RedemptionId, Timestamp, WalletFilter,
};
use crate::service::PromotionService;

/// The loaders of one request, which see one organisation.
pub struct Loaders {
    now: Timestamp,
    campaigns: KindLoader<Campaigns>,
    promotions: KindLoader<Promotions>,
    codes: KindLoader<Codes>,
    campaign_pages: KindLoader<Pages<CampaignList>>,
    codes_of_campaign: KindLoader<Pages<CodesOfCampaign>>,
    holds_of_code: KindLoader<Pages<HoldsOfCode>>,
    wallet: KindLoader<Pages<Wallet>>,
    redemptions_of_promotion: KindLoader<Pages<RedemptionsOfPromotion>>,
}

impl Loaders {
    /// New loaders for a request. `keeps`: whether they keep what they have read. `is_only`: whether it has one
    /// look-up at most.
    pub fn new(service: &Arc<PromotionService>, org: OrgId, keeps: bool, is_only: bool) -> Self {
        Self {
            now: service.now(),
            campaigns: KindLoader::new(service, org, keeps, is_only),
            promotions: KindLoader::new(service, org, keeps, is_only),
            codes: KindLoader::new(service, org, keeps, is_only),
            campaign_pages: KindLoader::new(service, org, keeps, is_only),
            codes_of_campaign: KindLoader::new(service, org, keeps, is_only),
            holds_of_code: KindLoader::new(service, org, keeps, is_only),
            wallet: KindLoader::new(service, org, keeps, is_only),
            redemptions_of_promotion: KindLoader::new(service, org, keeps, is_only),
        }
    }

    /// The moment of the request: what depends on the time is asked for alike by all parents, and so together.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The campaign with this id.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<Arc<Campaign>>, Error> {
        self.campaigns.load(id).await
    }

    /// The promotion with this id.
    pub async fn promotion(&self, id: PromotionId) -> Result<Option<Promotion>, Error> {
        self.promotions.load(id).await
    }

    /// The codes of a mode with these folded texts, in their order.
    pub async fn codes(
        &self,
        mode: PromotionMode,
        folded: impl IntoIterator<Item = FoldedCode>,
    ) -> Result<Vec<Option<PromotionCode>>, Error> {
        let keys: Vec<_> = folded.into_iter().map(|folded| (mode, folded)).collect();
        self.codes.load_many(&keys).await
    }

    /// A page of the campaigns.
    pub async fn campaigns(&self, page: &Page<CampaignId>) -> Result<Vec<Arc<Campaign>>, Error> {
        let found = self.campaign_pages.load(PageKey { parent: (), filter: (), page: page.clone() }).await;
        Ok(found?.unwrap_or_default())
    }

    /// A page of a campaign's codes.
    pub async fn codes_of_campaign(
        &self,
        parent: CampaignId,
        page: &Page<FoldedCode>,
    ) -> Result<Vec<PromotionCode>, Error> {
        let found = self.codes_of_campaign.load(PageKey { parent, filter: (), page: page.clone() }).await;
        Ok(found?.unwrap_or_default())
    }

    /// A page of the standing holds on a code.
    pub async fn holds_of_code(
        &self,
        mode: PromotionMode,
        parent: FoldedCode,
        page: &Page<CustomerId>,
    ) -> Result<Vec<Promotion>, Error> {
        let found = self.holds_of_code.load(PageKey { parent, filter: mode, page: page.clone() }).await;
        Ok(found?.unwrap_or_default())
    }

    /// A page of a customer's promotions.
    pub async fn wallet(
        &self,
        parent: CustomerId,
        filter: WalletFilter,
        page: &Page<PromotionId>,
    ) -> Result<Vec<Promotion>, Error> {
        let found = self.wallet.load(PageKey { parent, filter, page: page.clone() }).await;
        Ok(found?.unwrap_or_default())
    }

    /// A page of a promotion's redemptions.
    pub async fn redemptions_of_promotion(
        &self,
        parent: PromotionId,
        page: &Page<RedemptionId>,
    ) -> Result<Vec<Redemption>, Error> {
        let found = self.redemptions_of_promotion.load(PageKey { parent, filter: (), page: page.clone() }).await;
        Ok(found?.unwrap_or_default())
    }
}

//! The loaders of a request. They read the keys that all fields of one level request together, across aliases and arguments.
//!
//! The schema, not the document, bounds the statements of a level: one for each kind of id, one for each mode of codes, and at
//! most seven for each list and filter (see [`pages`]). A wallet has nine filters (either mode or both, active or not or both),
//! the holds on codes have two (their modes), and the other lists have one.
//!
//! A query caches what it has read until it ends, so that it reads each key once, even if the key occurs at several levels. A
//! mutation caches nothing: one of its fields may change what the next one reads.

mod batch_loader;
mod keyed;
mod pages;
mod poll_round;
mod relations;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use async_graphql::Error;

pub use self::batch_loader::LoaderOptions;
use self::{
    batch_loader::BatchLoader,
    keyed::{CampaignContents, Campaigns, Codes, HeldPromotions, LinkChecks, Promotions},
    pages::{PageKey, Pages},
    relations::{CampaignList, CodesOfCampaign, HoldsOfCode, RedemptionsOfPromotion, Wallet},
};
use crate::{
    graphql::error::{ApiError, log_store_error, response_too_long},
    promotions::{
        Campaign, CampaignId, CampaignWithContent, CustomerId, FoldedCode, LinkCheck, LinkKey, OrgId, Page, Promotion,
        PromotionCode, PromotionId, PromotionMode, Redemption, RedemptionId, StoreError, Timestamp, WalletFilter,
    },
    service::PromotionService,
};

/// The most bytes of long texts in a response: of offers, metadata, and the data of events.
const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// The loaders of one request. They read the data of one organisation.
pub struct Loaders {
    now: Timestamp,
    /// Bytes of long texts that the response has so far.
    text_bytes: AtomicUsize,
    /// What campaigns say that this request has changed.
    written_contents: Mutex<Vec<Arc<CampaignWithContent>>>,
    campaigns: BatchLoader<Campaigns>,
    campaign_contents: BatchLoader<CampaignContents<false>>,
    primary_contents: BatchLoader<CampaignContents<true>>,
    promotions: BatchLoader<Promotions>,
    codes: BatchLoader<Codes>,
    link_checks: BatchLoader<LinkChecks>,
    held_promotions: BatchLoader<HeldPromotions>,
    campaign_pages: BatchLoader<Pages<CampaignList>>,
    codes_of_campaign: BatchLoader<Pages<CodesOfCampaign>>,
    holds_of_code: BatchLoader<Pages<HoldsOfCode>>,
    wallet: BatchLoader<Pages<Wallet>>,
    redemptions_of_promotion: BatchLoader<Pages<RedemptionsOfPromotion>>,
}

/// The value of a campaign that was read, or the error, which is logged.
fn readable<T>(read: Option<Result<T, StoreError>>) -> Result<Option<T>, Error> {
    read.transpose().inspect_err(log_store_error).map_err(|error| ApiError::from(error).into())
}

impl Loaders {
    pub fn new(service: &Arc<PromotionService>, org: OrgId, options: LoaderOptions) -> Self {
        Self {
            now: service.now(),
            text_bytes: AtomicUsize::new(0),
            written_contents: Mutex::default(),
            campaigns: BatchLoader::new(service, org, options),
            campaign_contents: BatchLoader::new(service, org, options),
            primary_contents: BatchLoader::new(service, org, options),
            promotions: BatchLoader::new(service, org, options),
            codes: BatchLoader::new(service, org, options),
            link_checks: BatchLoader::new(service, org, options),
            held_promotions: BatchLoader::new(service, org, options),
            campaign_pages: BatchLoader::new(service, org, options),
            codes_of_campaign: BatchLoader::new(service, org, options),
            holds_of_code: BatchLoader::new(service, org, options),
            wallet: BatchLoader::new(service, org, options),
            redemptions_of_promotion: BatchLoader::new(service, org, options),
        }
    }

    /// The time of the request. All parents use it, so that their time-dependent filters are equal and share a read.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Counts a long text of the response. Fails beyond the limit: the cost of a document counts usual texts, not the longest
    /// ones.
    pub fn take_text(&self, bytes: usize) -> Result<(), ApiError> {
        let total = self.text_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if total > MAX_TEXT_BYTES { Err(response_too_long(MAX_TEXT_BYTES)) } else { Ok(()) }
    }

    /// The campaign with this id.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<Arc<Campaign>>, Error> {
        self.campaigns.load(id).await
    }

    /// A campaign with what it says: as this request has written it, or as it is stored.
    pub async fn content(&self, campaign: &Campaign) -> Result<Option<Arc<CampaignWithContent>>, Error> {
        if let Some(written) = self.written(campaign) {
            return Ok(Some(written));
        }
        let stored = readable(self.campaign_contents.load(campaign.id).await?)?;
        match stored {
            // A replica lags behind what was read from the primary.
            Some(stored) if stored.campaign.version < campaign.version => {
                readable(self.primary_contents.load(campaign.id).await?)
            }
            stored => Ok(stored),
        }
    }

    /// Keeps what a campaign says that this request has written. Responses state it with its version, even if another request
    /// has changed it since.
    pub fn keep_written(&self, campaign: CampaignWithContent) -> Arc<CampaignWithContent> {
        let campaign = Arc::new(campaign);
        self.written_contents.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&campaign));
        campaign
    }

    /// What this version of a campaign says, if this request has written it.
    pub fn written(&self, Campaign { id, version, .. }: &Campaign) -> Option<Arc<CampaignWithContent>> {
        let written = self.written_contents.lock().unwrap_or_else(PoisonError::into_inner);
        written.iter().find(|whole| whole.campaign.id == *id && whole.campaign.version == *version).cloned()
    }

    /// The promotion with this id.
    pub async fn promotion(&self, id: PromotionId) -> Result<Option<Promotion>, Error> {
        self.promotions.load(id).await
    }

    /// What linking would decide about codes and customers, in their order.
    pub async fn link_checks(&self, keys: &[LinkKey]) -> Vec<Result<LinkCheck, StoreError>> {
        // The errors of the store are values. There is no other error, and every key has a value.
        let checked = self.link_checks.load_many(keys).await.unwrap_or_else(|_| vec![None; keys.len()]);
        checked.into_iter().map(|outcome| outcome.unwrap_or(Err(StoreError::Overloaded))).collect()
    }

    /// The promotion by which a customer holds a code.
    pub async fn held_promotion(&self, key: LinkKey) -> Result<Option<Promotion>, Error> {
        self.held_promotions.load(key).await
    }

    /// The codes of a mode with these folded texts, in the order of the texts.
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

    /// A page of the holds on a code that are not unlinked.
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

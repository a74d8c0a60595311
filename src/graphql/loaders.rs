//! Per-request loaders: relations of many parents are read by one query per kind and level.
//!
//! They batch and do not cache: within one request a mutation may change what the next field reads.

mod kinds;

use std::{collections::HashMap, fmt::Debug, future::Future, hash::Hash, marker::PhantomData, sync::Arc};

use async_graphql::Error;
use dataloader::{BatchFn, non_cached::Loader};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::task::unconstrained;

use self::kinds::{
    Campaigns, CodesOfCampaign, HoldsOfCode, PageKey, Pages, Promotions, RedemptionsOfPromotion, Wallet,
};
use super::error::broken;
use crate::promotions::{
    Campaign, CampaignId, CustomerId, FoldedCode, OrgId, Page, Promotion, PromotionCode, PromotionId, PromotionMode,
    PromotionService, Redemption, RedemptionId, StoreError, Timestamp, WalletFilter,
};

/// More parents than a response can have: a level is never split.
const WHOLE_LEVEL: usize = 1_000_000;

/// How many turns of its task a batch waits for more keys. In a turn the library lets two fields of each object and two
/// items of each list go on, so that a level of a thousand parents takes some hundreds; a turn costs a fraction of a
/// microsecond.
const TURNS: usize = 512;

/// A kind of thing that is read by key, many at once.
trait Kind: Send + 'static {
    type Key: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Value: Clone + Send + Sync + 'static;

    /// Reads what there is for these keys.
    fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, StoreError>> + Send;
}

/// What is found for the keys of a batch, or that reading them failed, which is logged once.
type Found<K> = Result<Arc<HashMap<<K as Kind>::Key, <K as Kind>::Value>>, Error>;

/// The reading of a batch, for all who wait for it.
struct Read<K: Kind>(Shared<BoxFuture<'static, Found<K>>>);

impl<K: Kind> Clone for Read<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A loader whose values are the reading of their batch, which all wait for together. Were it to wait itself, it would
/// let its callers go one by one, too late to share a batch of the next level.
struct KindLoader<K: Kind>(Loader<K::Key, Read<K>, Batch<K>>);

impl<K: Kind> KindLoader<K> {
    fn new(service: &Arc<PromotionService>, org: OrgId) -> Self {
        let batch = Batch { service: Arc::clone(service), org, kind: PhantomData };
        Self(Loader::new(batch).with_max_batch_size(WHOLE_LEVEL).with_yield_count(TURNS))
    }

    async fn load(&self, key: K::Key) -> Result<Option<K::Value>, Error> {
        // Unconstrained: tokio would make some of a large level wait for its next turn, and miss the batch.
        let found = unconstrained(self.0.load(key.clone())).await.0.await?;
        Ok(found.get(&key).cloned())
    }
}

struct Batch<K> {
    service: Arc<PromotionService>,
    org: OrgId,
    kind: PhantomData<K>,
}

impl<K: Kind> BatchFn<K::Key, Read<K>> for Batch<K> {
    async fn load(&mut self, keys: &[K::Key]) -> HashMap<K::Key, Read<K>> {
        let (service, org, wanted) = (Arc::clone(&self.service), self.org, keys.to_vec());
        let read = async move {
            let found = K::read(&service, org, &wanted).await;
            found.map(Arc::new).map_err(|error| broken(&error))
        };
        let read = Read(read.boxed().shared());
        keys.iter().map(|key| (key.clone(), read.clone())).collect()
    }
}

/// The loaders of one request, which see one organisation.
pub struct Loaders {
    now: Timestamp,
    campaigns: KindLoader<Campaigns>,
    promotions: KindLoader<Promotions>,
    codes_of_campaign: KindLoader<Pages<CodesOfCampaign>>,
    holds_of_code: KindLoader<Pages<HoldsOfCode>>,
    wallet: KindLoader<Pages<Wallet>>,
    redemptions_of_promotion: KindLoader<Pages<RedemptionsOfPromotion>>,
}

impl Loaders {
    /// New loaders for a request.
    pub fn new(service: &Arc<PromotionService>, org: OrgId) -> Self {
        Self {
            now: service.now(),
            campaigns: KindLoader::new(service, org),
            promotions: KindLoader::new(service, org),
            codes_of_campaign: KindLoader::new(service, org),
            holds_of_code: KindLoader::new(service, org),
            wallet: KindLoader::new(service, org),
            redemptions_of_promotion: KindLoader::new(service, org),
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

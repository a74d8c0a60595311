//! The kinds of things that loaders read: by id, and by page of a parent.

use std::{collections::HashMap, fmt::Debug, future::Future, hash::Hash, marker::PhantomData, sync::Arc};

use super::Kind;
use crate::promotions::{
    Campaign, CampaignId, CustomerId, FoldedCode, OrgId, Page, Promotion, PromotionCode, PromotionId, PromotionMode,
    PromotionRepository, PromotionService, Redemption, RedemptionId, StoreError, WalletFilter,
};

/// Campaigns by id.
pub struct Campaigns;

impl Kind for Campaigns {
    type Key = CampaignId;
    type Value = Arc<Campaign>;

    async fn read(
        service: &PromotionService,
        org: OrgId,
        ids: &[CampaignId],
    ) -> Result<HashMap<CampaignId, Arc<Campaign>>, StoreError> {
        let campaigns = service.reads().campaigns(org, ids).await?;
        Ok(campaigns.into_iter().map(|campaign| (campaign.id, Arc::new(campaign))).collect())
    }
}

/// Promotions by id.
pub struct Promotions;

impl Kind for Promotions {
    type Key = PromotionId;
    type Value = Promotion;

    async fn read(
        service: &PromotionService,
        org: OrgId,
        ids: &[PromotionId],
    ) -> Result<HashMap<PromotionId, Promotion>, StoreError> {
        let promotions = service.reads().promotions(org, ids).await?;
        Ok(promotions.into_iter().map(|promotion| (promotion.id, promotion)).collect())
    }
}

/// A relation from parents to pages of their children.
pub trait Relation: Send + 'static {
    type Parent: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What narrows the children, beside their parent.
    type Filter: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Cursor: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Child: Clone + Send + Sync + 'static;

    /// Reads the same page of each parent's children.
    fn read(
        repository: &dyn PromotionRepository,
        org: OrgId,
        parents: &[Self::Parent],
        filter: &Self::Filter,
        page: &Page<Self::Cursor>,
    ) -> impl Future<Output = Result<Vec<Self::Child>, StoreError>> + Send;

    /// Whose child it is.
    fn parent(child: &Self::Child) -> Self::Parent;
}

/// Which page of whose children is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageKey<Parent, Filter, Cursor> {
    pub parent: Parent,
    pub filter: Filter,
    pub page: Page<Cursor>,
}

/// Pages of a relation.
pub struct Pages<R>(PhantomData<R>);

impl<R: Relation> Kind for Pages<R> {
    type Key = PageKey<R::Parent, R::Filter, R::Cursor>;
    type Value = Vec<R::Child>;

    /// One query for each page that is wanted of any number of parents. How many those are depends on the document.
    async fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[Self::Key],
    ) -> Result<HashMap<Self::Key, Self::Value>, StoreError> {
        let mut parents_of_page: HashMap<_, Vec<R::Parent>> = HashMap::new();
        for PageKey { parent, filter, page } in keys {
            parents_of_page.entry((filter, page)).or_default().push(parent.clone());
        }
        let mut found: HashMap<Self::Key, Self::Value> = HashMap::new();
        for ((filter, page), parents) in parents_of_page {
            for child in R::read(service.reads(), org, &parents, filter, page).await? {
                let key = PageKey { parent: R::parent(&child), filter: filter.clone(), page: page.clone() };
                found.entry(key).or_default().push(child);
            }
        }
        Ok(found)
    }
}

/// The codes of a campaign.
pub struct CodesOfCampaign;

impl Relation for CodesOfCampaign {
    type Parent = CampaignId;
    type Filter = ();
    type Cursor = FoldedCode;
    type Child = PromotionCode;

    async fn read(
        repository: &dyn PromotionRepository,
        org: OrgId,
        campaigns: &[CampaignId],
        (): &(),
        page: &Page<FoldedCode>,
    ) -> Result<Vec<PromotionCode>, StoreError> {
        repository.codes_of_campaigns(org, campaigns, page).await
    }

    fn parent(code: &PromotionCode) -> CampaignId {
        code.campaign_id
    }
}

/// The standing holds on a code of a mode.
pub struct HoldsOfCode;

impl Relation for HoldsOfCode {
    type Parent = FoldedCode;
    type Filter = PromotionMode;
    type Cursor = CustomerId;
    type Child = Promotion;

    async fn read(
        repository: &dyn PromotionRepository,
        org: OrgId,
        codes: &[FoldedCode],
        mode: &PromotionMode,
        page: &Page<CustomerId>,
    ) -> Result<Vec<Promotion>, StoreError> {
        repository.holds_of_codes(org, *mode, codes, page).await
    }

    fn parent(promotion: &Promotion) -> FoldedCode {
        promotion.code.folded().clone()
    }
}

/// The promotions of a customer.
pub struct Wallet;

impl Relation for Wallet {
    type Parent = CustomerId;
    type Filter = WalletFilter;
    type Cursor = PromotionId;
    type Child = Promotion;

    async fn read(
        repository: &dyn PromotionRepository,
        org: OrgId,
        customers: &[CustomerId],
        filter: &WalletFilter,
        page: &Page<PromotionId>,
    ) -> Result<Vec<Promotion>, StoreError> {
        repository.wallets(org, customers, *filter, page).await
    }

    fn parent(promotion: &Promotion) -> CustomerId {
        promotion.customer_id
    }
}

/// The redemptions of a promotion.
pub struct RedemptionsOfPromotion;

impl Relation for RedemptionsOfPromotion {
    type Parent = PromotionId;
    type Filter = ();
    type Cursor = RedemptionId;
    type Child = Redemption;

    async fn read(
        repository: &dyn PromotionRepository,
        org: OrgId,
        promotions: &[PromotionId],
        (): &(),
        page: &Page<RedemptionId>,
    ) -> Result<Vec<Redemption>, StoreError> {
        repository.redemptions_of_promotions(org, promotions, page).await
    }

    fn parent(redemption: &Redemption) -> PromotionId {
        redemption.promotion_id
    }
}

//! Pages of lists, which loaders read for many parents, cursors and page sizes together.
//!
//! Pages of about the same size are one read: its limit is the largest of theirs, and what it returns is divided among them.
//! Sizes up to the same power of two are about the same, so that no read returns twice as many rows as were asked for.
//! With page sizes of 1 to 100, and the row more that shows whether there is a next page, those are seven reads at most.

use std::{
    collections::{HashMap, HashSet},
    fmt::Debug,
    future::Future,
    hash::Hash,
    marker::PhantomData,
    sync::Arc,
};

use super::batch::Kind;
use crate::promotions::{
    Campaign, CampaignId, CustomerId, FoldedCode, OrgId, Page, Promotion, PromotionCode, PromotionId, PromotionMode,
    PromotionReads, Redemption, RedemptionId, Start, StoreError, WalletFilter,
};
use crate::service::PromotionService;

/// A relation from parents to pages of their children.
pub trait Relation: Send + 'static {
    type Parent: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What narrows the children, beside their parent.
    type Filter: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Cursor: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    type Child: Clone + Send + Sync + 'static;

    /// Reads the children on these pages, in the order of the list.
    fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<Self::Parent, Self::Cursor>],
        filter: &Self::Filter,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Self::Child>, StoreError>> + Send;

    /// Whose child it is.
    fn parent(child: &Self::Child) -> Self::Parent;

    /// Whether a child comes after the row with this cursor.
    fn is_after(child: &Self::Child, cursor: &Self::Cursor) -> bool;
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

    /// One statement for each filter and about the same size.
    async fn read(
        service: &PromotionService,
        org: OrgId,
        keys: &[Self::Key],
    ) -> Result<HashMap<Self::Key, Self::Value>, StoreError> {
        let mut reads: HashMap<(&R::Filter, u32), Vec<&Self::Key>> = HashMap::new();
        for key in keys {
            reads.entry((&key.filter, key.page.limit.next_power_of_two())).or_default().push(key);
        }
        let mut found = HashMap::with_capacity(keys.len());
        for ((filter, _), keys) in reads {
            let limit = keys.iter().map(|key| key.page.limit).max().unwrap_or_default();
            let starts: HashSet<_> = keys.iter().map(|key| (key.parent.clone(), key.page.after.clone())).collect();
            let starts: Vec<_> = starts.into_iter().collect();
            let read = R::read(service.reads(), org, &starts, filter, limit).await?;
            if let [key] = keys[..] {
                found.insert(key.clone(), read);
                continue;
            }
            let mut children: HashMap<R::Parent, Vec<R::Child>> = HashMap::new();
            for child in read {
                children.entry(R::parent(&child)).or_default().push(child);
            }
            let page = |key: &Self::Key| Some((key.clone(), on_page::<R>(children.get(&key.parent)?, &key.page)));
            found.extend(keys.into_iter().filter_map(page));
        }
        Ok(found)
    }
}

/// The children that are on a page. Those that were read hold all of it, and maybe others before, between nothing and after.
fn on_page<R: Relation>(children: &[R::Child], page: &Page<R::Cursor>) -> Vec<R::Child> {
    let is_before = |child: &R::Child| page.after.as_ref().is_some_and(|cursor| !R::is_after(child, cursor));
    let start = children.partition_point(is_before);
    children[start..].iter().take(page.limit as usize).cloned().collect()
}

/// The campaigns of the organisation.
pub struct CampaignList;

impl Relation for CampaignList {
    type Parent = ();
    type Filter = ();
    type Cursor = CampaignId;
    type Child = Arc<Campaign>;

    async fn read(
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<(), CampaignId>],
        (): &(),
        limit: u32,
    ) -> Result<Vec<Arc<Campaign>>, StoreError> {
        let afters: Vec<_> = starts.iter().map(|((), after)| *after).collect();
        let campaigns = reads.campaign_pages(org, &afters, limit).await?;
        Ok(campaigns.into_iter().map(Arc::new).collect())
    }

    fn parent(_: &Arc<Campaign>) {}

    fn is_after(campaign: &Arc<Campaign>, cursor: &CampaignId) -> bool {
        campaign.id < *cursor
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
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        (): &(),
        limit: u32,
    ) -> Result<Vec<PromotionCode>, StoreError> {
        reads.codes_of_campaigns(org, starts, limit).await
    }

    fn parent(code: &PromotionCode) -> CampaignId {
        code.campaign_id
    }

    fn is_after(code: &PromotionCode, cursor: &FoldedCode) -> bool {
        code.code.folded() > cursor
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
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<FoldedCode, CustomerId>],
        mode: &PromotionMode,
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        reads.holds_of_codes(org, *mode, starts, limit).await
    }

    fn parent(promotion: &Promotion) -> FoldedCode {
        promotion.code.folded().clone()
    }

    fn is_after(promotion: &Promotion, cursor: &CustomerId) -> bool {
        promotion.customer_id > *cursor
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
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: &WalletFilter,
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError> {
        reads.wallets(org, starts, *filter, limit).await
    }

    fn parent(promotion: &Promotion) -> CustomerId {
        promotion.customer_id
    }

    fn is_after(promotion: &Promotion, cursor: &PromotionId) -> bool {
        promotion.id < *cursor
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
        reads: &dyn PromotionReads,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        (): &(),
        limit: u32,
    ) -> Result<Vec<Redemption>, StoreError> {
        reads.redemptions_of_promotions(org, starts, limit).await
    }

    fn parent(redemption: &Redemption) -> PromotionId {
        redemption.promotion_id
    }

    fn is_after(redemption: &Redemption, cursor: &RedemptionId) -> bool {
        redemption.id > *cursor
    }
}

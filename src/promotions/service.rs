//! What callers ask of the domain: one method a use case.

use std::sync::Arc;

use super::{
    batcher::{Batcher, Workers},
    campaign::{Campaign, PromotionMode},
    code::{Code, CodeKey, FoldedCode, PromotionCode},
    ids::{CampaignId, CustomerId, OrgId, PromotionId},
    link::{LinkOutcome, LinkRequest},
    promotion::Promotion,
    repository::{PromotionRepository, StoreError},
    time::{Clock, Timestamp},
};

/// The promotions of all organisations. Every method names the one that it is about.
pub struct PromotionService {
    repository: Arc<dyn PromotionRepository>,
    clock: Arc<dyn Clock>,
    batcher: Batcher,
}

impl PromotionService {
    /// Starts the service over a store, with so many link workers. Drop it, then wait for the [`Workers`], to stop.
    pub fn start(
        repository: Arc<dyn PromotionRepository>,
        clock: Arc<dyn Clock>,
        link_workers: usize,
    ) -> (Self, Workers) {
        let (batcher, workers) = Batcher::start(&repository, &clock, link_workers);
        (Self { repository, clock, batcher }, workers)
    }

    /// The present moment, as the domain sees it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Links a code to a customer. Asking again is safe: the answer is the promotion that is there.
    pub async fn link(
        &self,
        org: OrgId,
        mode: PromotionMode,
        code: Code,
        customer_id: CustomerId,
    ) -> Result<LinkOutcome, StoreError> {
        let key = CodeKey { org, mode, folded: code.into_folded() };
        self.batcher.link(LinkRequest { id: PromotionId::new(self.now()), key, customer_id }).await
    }

    /// The promotion with this id.
    pub async fn promotion(&self, org: OrgId, id: PromotionId) -> Result<Option<Promotion>, StoreError> {
        Ok(self.repository.promotions(org, &[id]).await?.pop())
    }

    /// The codes that there are among these, in no particular order.
    pub async fn codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        folded: &[FoldedCode],
    ) -> Result<Vec<PromotionCode>, StoreError> {
        self.repository.codes(org, mode, folded).await
    }

    /// The campaigns that there are among these, in no particular order.
    pub async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> Result<Vec<Campaign>, StoreError> {
        self.repository.campaigns(org, ids).await
    }
}

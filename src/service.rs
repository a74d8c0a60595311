//! The use cases and their runtime: one method per use case, the batcher that lets links share transactions, and retries.

mod batcher;
mod event_feed;
mod generate;
mod retry;

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::future::join_all;

use self::{batcher::Batcher, retry::Retrying};
pub use self::{
    batcher::Workers,
    event_feed::EventFeed,
    generate::{add_generated, check_space},
    retry::retry,
};
use crate::promotions::{
    Actor, Attribution, CODE_BATCH, Campaign, CampaignChange, CampaignId, CampaignRejection, CampaignWithContent,
    Clock, Code, CodeKey, CustomerId, FoldedCode, InvalidCampaign, LinkCheck, LinkKey, LinkOrigin, LinkOutcome,
    LinkRepository, LinkRequest, Money, NewCampaign, NewCodes, OrgId, Pattern, Promotion, PromotionCode, PromotionId,
    PromotionMode, PromotionReads, PromotionRepository, RedeemOutcome, RedeemRequest, Redemption, RedemptionId,
    SpaceTooSmall, StoreError, Timestamp, TransactionId,
};

/// The new codes, or why the pattern is too short.
pub type GenerateOutcome = Result<Vec<Code>, SpaceTooSmall>;

/// The promotions of all organisations. Every method takes the organisation.
#[derive(Clone)]
pub struct PromotionService {
    repository: Arc<Retrying<dyn PromotionRepository>>,
    /// The source of reads: the repository, or a replica that lags behind it.
    reads: Arc<dyn PromotionReads>,
    clock: Arc<dyn Clock>,
    batcher: Arc<Batcher>,
}

impl PromotionService {
    /// Starts the service over a store. To stop it, drop it and its clones, then wait for the [`Workers`].
    pub fn start(repository: Arc<dyn PromotionRepository>, clock: Arc<dyn Clock>) -> (Self, Workers) {
        let repository = Arc::new(Retrying(repository));
        let links: Arc<dyn LinkRepository> = repository.clone();
        let (batcher, workers) = Batcher::start(&links, &clock);
        (Self { reads: repository.clone(), repository, clock, batcher: Arc::new(batcher) }, workers)
    }

    /// Returns the same service with reads from a replica, which may lag behind its writes. Changes don't use the replica.
    #[must_use]
    pub fn reading_from(&self, replica: Arc<dyn PromotionReads>) -> Self {
        Self { reads: Arc::new(Retrying(replica)), ..self.clone() }
    }

    /// The current time of the service's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Links a code to a customer. A retry is safe: it returns the existing promotion.
    pub async fn link(
        &self,
        org: OrgId,
        mode: PromotionMode,
        code: Code,
        customer_id: CustomerId,
        attribution: Attribution,
    ) -> Result<LinkOutcome, StoreError> {
        let (id, key) = (PromotionId::new(self.now()), CodeKey { org, mode, folded: code.into_folded() });
        self.batcher.link(LinkRequest { id, key, customer_id, origin: LinkOrigin::Link, attribution }).await
    }

    /// The longest duration of a batch of links with a write in the last one to two minutes. Zero if there was none.
    #[must_use]
    pub fn slowest_commit(&self) -> Duration {
        self.batcher.slowest_commit()
    }

    /// Links codes to customers, each with its own outcome, in the order given.
    pub async fn link_many(
        &self,
        org: OrgId,
        links: Vec<(PromotionMode, Code, CustomerId)>,
        by: &Attribution,
    ) -> Vec<Result<LinkOutcome, StoreError>> {
        // `join_all` polls them in order, so all are in the queue before the first completes.
        let link = |(mode, code, customer)| self.link(org, mode, code, customer, by.clone());
        join_all(links.into_iter().map(link)).await
    }

    /// What linking would decide about codes and customers, each as if it were the only one. Reads the primary
    /// database, as linking does.
    pub async fn check_links(&self, org: OrgId, keys: &[LinkKey]) -> Result<Vec<LinkCheck>, StoreError> {
        let now = self.now();
        let request = |(mode, folded, customer): &LinkKey| LinkRequest {
            id: PromotionId::new(now),
            key: CodeKey { org, mode: *mode, folded: folded.clone() },
            customer_id: *customer,
            origin: LinkOrigin::Link,
            attribution: Attribution::to(Actor::Server),
        };
        let requests: Vec<_> = keys.iter().map(request).collect();
        self.repository.check_links(&requests, now).await
    }

    /// The campaigns with these ids, with what they say, from the primary database.
    pub async fn primary_contents(
        &self,
        org: OrgId,
        ids: &[CampaignId],
    ) -> Result<Vec<(CampaignId, Result<CampaignWithContent, StoreError>)>, StoreError> {
        self.repository.campaign_contents(org, ids).await
    }

    /// Unlinks a promotion. A retry is safe. `None` if there is no such promotion.
    pub async fn unlink(&self, org: OrgId, id: PromotionId, by: &Attribution) -> Result<Option<Promotion>, StoreError> {
        let now = self.now();
        self.repository.unlink(org, id, by, now).await
    }

    /// Redeems a promotion. A retry with the same transaction id is safe: it returns the existing redemption.
    pub async fn redeem(
        &self,
        key: CodeKey,
        customer_id: CustomerId,
        transaction_id: TransactionId,
        amount: Option<Money>,
        attribution: Attribution,
    ) -> Result<RedeemOutcome, StoreError> {
        let now = self.now();
        let request =
            RedeemRequest { id: RedemptionId::new(now), key, customer_id, transaction_id, amount, attribution };
        self.repository.redeem(&request, now).await
    }

    /// Reverses a redemption. A retry is safe. `None` if there is no such redemption.
    pub async fn reverse(
        &self,
        org: OrgId,
        id: RedemptionId,
        by: &Attribution,
    ) -> Result<Option<Redemption>, StoreError> {
        let now = self.now();
        self.repository.reverse(org, id, by, now).await
    }

    /// Revokes a code. A retry is safe. `None` if there is no such code.
    pub async fn revoke(&self, key: &CodeKey, by: &Attribution) -> Result<Option<PromotionCode>, StoreError> {
        let now = self.now();
        self.repository.revoke(key, by, now).await
    }

    /// Creates a campaign.
    pub async fn create_campaign(
        &self,
        org: OrgId,
        new: NewCampaign,
        by: &Attribution,
    ) -> Result<Result<CampaignWithContent, InvalidCampaign>, StoreError> {
        match new.create(org, self.now()) {
            Ok(created) => self.repository.create_campaign(&created, by).await.map(|()| Ok(created)),
            Err(invalid) => Ok(Err(invalid)),
        }
    }

    /// Changes a campaign. `None` if there is no such campaign.
    pub async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
        by: &Attribution,
    ) -> Result<Option<Result<CampaignWithContent, CampaignRejection>>, StoreError> {
        let now = self.now();
        self.repository.update_campaign(org, id, change, by, now).await
    }

    /// Adds codes to a campaign. Returns the duplicates: those that existed already or occur twice, as spelled by the caller.
    /// If it fails, some of the codes may have been added.
    pub async fn add_codes(
        &self,
        campaign: &Campaign,
        codes: Vec<Code>,
        max_links: Option<u32>,
        by: &Attribution,
    ) -> Result<Vec<Code>, StoreError> {
        let now = self.now();
        let mut present = Vec::new();
        for codes in codes.chunks(CODE_BATCH) {
            let new = NewCodes::with_max_links(campaign, codes.to_vec(), max_links, by, now);
            let mut added: HashSet<FoldedCode> = self.repository.add_codes(&new).await?.into_iter().collect();
            let new = new.codes.into_iter().map(|new| new.code);
            present.extend(new.filter(|code| !added.remove(code.folded())));
        }
        Ok(present)
    }

    /// Generates codes for a campaign, unless the pattern is too short for their number.
    pub async fn generate(
        &self,
        campaign: &Campaign,
        pattern: &Pattern,
        count: usize,
        max_links: Option<u32>,
        by: &Attribution,
    ) -> Result<GenerateOutcome, StoreError> {
        if let Err(too_small) = check_space(&*self.repository, campaign, pattern, count as u64).await? {
            return Ok(Err(too_small));
        }
        add_generated(&*self.repository, campaign, pattern, count, max_links, by, self.now()).await.map(Ok)
    }

    /// The source of reads.
    #[must_use]
    pub fn reads(&self) -> &dyn PromotionReads {
        &*self.reads
    }

    /// The campaign with this id.
    pub async fn campaign(&self, org: OrgId, id: CampaignId) -> Result<Option<Campaign>, StoreError> {
        Ok(self.reads.campaigns(org, &[id]).await?.pop())
    }
}

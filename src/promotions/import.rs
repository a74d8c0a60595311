//! Bulk import: rows that add codes to a campaign and link those that name a customer.

use std::collections::HashSet;

use async_trait::async_trait;

use super::{
    campaign::{Campaign, PromotionMode},
    code::{Code, CodeKey, FoldedCode, PromotionCode},
    ids::{CampaignId, CustomerId, OrgId, PromotionId},
    link::{LinkOutcome, LinkRequest},
    refusal::Refusal,
    repository::StoreError,
    time::Timestamp,
};

/// Codes per transaction. On SQLite all links wait for it. While a million codes were imported, the p99 of links was 82 ms;
/// with twice as many codes it was 160 ms, and the import took as long (unoptimised builds, two busy cores).
pub const CODE_BATCH: usize = 500;

/// A code to add.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// The code.
    pub code: Code,
    /// The number of customers that may hold it at the same time; `None` for no limit.
    pub max_links: Option<u32>,
    /// Whether to add it as revoked.
    pub revoked: bool,
}

/// Codes to add to a campaign.
#[derive(Debug, Clone)]
pub struct NewCodes {
    /// The tenant.
    pub org: OrgId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The campaign's mode.
    pub mode: PromotionMode,
    /// The time of issue.
    pub created_on: Timestamp,
    /// The codes.
    pub codes: Vec<NewCode>,
}

impl NewCodes {
    /// Codes for this campaign.
    #[must_use]
    pub fn new(campaign: &Campaign, codes: Vec<NewCode>, now: Timestamp) -> Self {
        Self { org: campaign.org, campaign_id: campaign.id, mode: campaign.mode, created_on: now, codes }
    }

    /// Codes for this campaign that all have the same `max_links`.
    #[must_use]
    pub fn with_max_links(campaign: &Campaign, codes: Vec<Code>, max_links: Option<u32>, now: Timestamp) -> Self {
        let codes = codes.into_iter().map(|code| NewCode { code, max_links, revoked: false });
        Self::new(campaign, codes.collect(), now)
    }

    /// The revocation time of one of them, if it is revoked.
    #[must_use]
    pub fn revoked_on(&self, code: &NewCode) -> Option<Timestamp> {
        code.revoked.then_some(self.created_on)
    }

    fn folded(&self) -> impl Iterator<Item = &FoldedCode> {
        self.codes.iter().map(|new| new.code.folded())
    }

    /// The key of the code with this folded text.
    #[must_use]
    pub fn key(&self, folded: FoldedCode) -> CodeKey {
        CodeKey { org: self.org, mode: self.mode, folded }
    }
}

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// The code belongs to another campaign of the organisation and mode.
    InOtherCampaign,
    /// The code belongs to the campaign.
    InCampaign {
        /// Whether the code is new.
        added: bool,
        /// The outcome of the link, if the row names a customer.
        link: Option<RowLink>,
    },
}

/// The outcome of the link to a row's customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowLink {
    /// The code was linked to the customer.
    New,
    /// The customer already held the code.
    Held,
    /// The rules refused the link.
    Refused(Refusal),
}

impl NewCodes {
    /// The codes that were not added because they already existed.
    pub(crate) fn present(&self, added: &HashSet<FoldedCode>) -> Vec<FoldedCode> {
        self.folded().filter(|code| !added.contains(code)).cloned().collect()
    }

    /// Those of the existing codes that belong to another campaign.
    pub(crate) fn elsewhere(&self, present: Vec<PromotionCode>) -> HashSet<FoldedCode> {
        let others = present.into_iter().filter(|code| code.campaign_id != self.campaign_id);
        others.map(|code| code.code.folded().clone()).collect()
    }

    /// The link requests of the rows that name a customer, except those whose code belongs to another campaign.
    pub(crate) fn link_requests(
        &self,
        customers: &[Option<CustomerId>],
        elsewhere: &HashSet<FoldedCode>,
    ) -> Vec<LinkRequest> {
        let ours = self.folded().zip(customers).filter(|(folded, _)| !elsewhere.contains(folded));
        ours.filter_map(|(folded, customer)| {
            customer.map(|customer_id| LinkRequest {
                id: PromotionId::new(self.created_on),
                key: self.key(folded.clone()),
                customer_id,
            })
        })
        .collect()
    }

    /// The outcome of each row, from the codes that were added, those of other campaigns, and the outcomes of
    /// [`NewCodes::link_requests`].
    pub(crate) fn outcomes(
        &self,
        customers: &[Option<CustomerId>],
        mut added: HashSet<FoldedCode>,
        elsewhere: &HashSet<FoldedCode>,
        requests: &[LinkRequest],
        links: Vec<Option<LinkOutcome>>,
    ) -> Vec<RowOutcome> {
        let mut links = requests.iter().zip(links);
        let mut link = || {
            let (request, outcome) = links.next()?;
            Some(match outcome? {
                Ok(promotion) if promotion.id == request.id => RowLink::New,
                Ok(_) => RowLink::Held,
                Err(refusal) => RowLink::Refused(refusal),
            })
        };
        let rows = self.folded().zip(customers);
        rows.map(|(folded, customer)| {
            if elsewhere.contains(folded) {
                return RowOutcome::InOtherCampaign;
            }
            // If a code occurs in two rows, the first one added it.
            RowOutcome::InCampaign { added: added.remove(folded), link: customer.and_then(|_| link()) }
        })
        .collect()
    }
}

/// A running import. Dropping it rolls back everything since the last commit.
#[async_trait]
pub trait CodeImport: Send {
    /// Adds codes and links each to the customer at the same index, if any. Returns one outcome per code, in order.
    async fn add(&mut self, codes: &NewCodes, customers: &[Option<CustomerId>]) -> Result<Vec<RowOutcome>, StoreError>;

    /// Commits everything since the last commit.
    async fn commit(&mut self) -> Result<(), StoreError>;
}

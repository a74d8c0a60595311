//! Codes by the million: rows that bring codes into a campaign and, where they name a customer, link them at once.

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

/// How many codes go to the database in one transaction. On SQLite all links wait for it. While a million were imported,
/// 99 of 100 links took less than 82 ms, with twice as many in a transaction 160 ms, and the import as long (both without
/// optimisation, on two busy cores).
pub const CODE_BATCH: usize = 500;

/// A code to add.
#[derive(Debug, Clone)]
pub struct NewCode {
    /// The code.
    pub code: Code,
    /// How many customers may hold it at once; `None`: any number.
    pub max_links: Option<u32>,
    /// Whether it is revoked from the start.
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
    /// When they are issued.
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

    /// Codes for this campaign, each of which so many customers may hold at once; `None`: any number.
    #[must_use]
    pub fn alike(campaign: &Campaign, codes: Vec<Code>, max_links: Option<u32>, now: Timestamp) -> Self {
        let codes = codes.into_iter().map(|code| NewCode { code, max_links, revoked: false });
        Self::new(campaign, codes.collect(), now)
    }

    /// When one of them is revoked, if it is.
    #[must_use]
    pub fn revoked_on(&self, code: &NewCode) -> Option<Timestamp> {
        code.revoked.then_some(self.created_on)
    }

    fn folded(&self) -> impl Iterator<Item = &FoldedCode> {
        self.codes.iter().map(|new| new.code.folded())
    }

    /// The key of one of them.
    #[must_use]
    pub fn key(&self, folded: FoldedCode) -> CodeKey {
        CodeKey { org: self.org, mode: self.mode, folded }
    }
}

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// Another campaign of the organisation and mode has the code.
    InOtherCampaign,
    /// The campaign has the code.
    InCampaign {
        /// Whether the code is new.
        added: bool,
        /// What came of the link to the row's customer, if it names one.
        link: Option<RowLink>,
    },
}

/// What came of the link to a row's customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowLink {
    /// The customer holds the code now.
    New,
    /// The customer held the code before.
    Held,
    /// The code could not be linked.
    Refused(Refusal),
}

impl NewCodes {
    /// Those that were not added, since they are there already.
    pub(crate) fn present(&self, added: &HashSet<FoldedCode>) -> Vec<FoldedCode> {
        self.folded().filter(|code| !added.contains(code)).cloned().collect()
    }

    /// Those codes that belong to another campaign than these are for.
    pub(crate) fn elsewhere(&self, present: Vec<PromotionCode>) -> HashSet<FoldedCode> {
        let others = present.into_iter().filter(|code| code.campaign_id != self.campaign_id);
        others.map(|code| code.code.folded().clone()).collect()
    }

    /// What the rows that name a customer ask for; not those whose code is another campaign's.
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

    /// What came of each row: from the codes that were added, those that other campaigns have, and the outcomes of
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
            // Of a code that stands twice among the rows, the first was added.
            RowOutcome::InCampaign { added: added.remove(folded), link: customer.and_then(|_| link()) }
        })
        .collect()
    }
}

/// An import under way. What was not committed when it is dropped is as if it had not been.
#[async_trait]
pub trait CodeImport: Send {
    /// Adds codes, and links each to the customer that stands at its place, if one does. One outcome per code.
    async fn add(&mut self, codes: &NewCodes, customers: &[Option<CustomerId>]) -> Result<Vec<RowOutcome>, StoreError>;

    /// Makes durable what was added since the last commit.
    async fn commit(&mut self) -> Result<(), StoreError>;
}

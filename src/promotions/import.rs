//! Bulk import: rows that add codes to a campaign and link those that name a customer.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;

use super::{
    attribution::Attribution,
    campaign::{Campaign, PromotionMode},
    code::{Code, CodeKey, FoldedCode, PromotionCode},
    event::LinkOrigin,
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
    /// Who adds them.
    pub attribution: Attribution,
    /// The codes.
    pub codes: Vec<NewCode>,
}

impl NewCodes {
    /// Codes for this campaign.
    #[must_use]
    pub fn new(campaign: &Campaign, codes: Vec<NewCode>, by: &Attribution, now: Timestamp) -> Self {
        let Campaign { org, id, mode, .. } = *campaign;
        Self { org, campaign_id: id, mode, created_on: now, attribution: by.clone(), codes }
    }

    /// Codes for this campaign that all have the same `max_links`.
    #[must_use]
    pub fn with_max_links(
        campaign: &Campaign,
        codes: Vec<Code>,
        max_links: Option<u32>,
        by: &Attribution,
        now: Timestamp,
    ) -> Self {
        let codes = codes.into_iter().map(|code| NewCode { code, max_links, revoked: false });
        Self::new(campaign, codes.collect(), by, now)
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

/// What a row says about its code beside the data of a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowDetails {
    /// The customer to link the code to.
    pub customer: Option<CustomerId>,
    /// Whether the row itself has a value for `max_links`. A default is for new codes only.
    pub has_max_links: bool,
    /// Whether the row itself has a value for `revoked`.
    pub has_revoked: bool,
}

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// The code belongs to another campaign of the organisation and mode.
    InOtherCampaign,
    /// The code belongs to the campaign and contradicts the row, which was left out.
    Contradicts(Contradiction),
    /// The code belongs to the campaign.
    InCampaign {
        /// Whether the code is new.
        added: bool,
        /// The outcome of the link, if the row names a customer.
        link: Option<RowLink>,
    },
}

/// How an existing code differs from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// The code is revoked, and the row says that it is not.
    Revoked,
    /// The code is not revoked, and the row says that it is.
    NotRevoked,
    /// The code has this `max_links`, and the row another.
    MaxLinks(Option<u32>),
}

/// Why rows can't be imported, by their index.
pub(crate) type Obstacles = HashMap<usize, RowOutcome>;

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

    /// The rows whose code belongs to another campaign or contradicts them. `present` are the existing codes that were not
    /// added.
    pub(crate) fn obstacles(&self, rows: &[RowDetails], present: &[PromotionCode]) -> Obstacles {
        let mut known: HashMap<&FoldedCode, (CampaignId, Option<u32>, bool)> = present
            .iter()
            .map(|code| (code.code.folded(), (code.campaign_id, code.max_links, code.revoked_on.is_some())))
            .collect();
        let rows = self.codes.iter().zip(rows).enumerate();
        rows.filter_map(|(index, (new, row))| {
            // If a code occurs in two rows, the first one added it.
            let (campaign, max_links, revoked) =
                *known.entry(new.code.folded()).or_insert((self.campaign_id, new.max_links, new.revoked));
            let outcome = if campaign != self.campaign_id {
                RowOutcome::InOtherCampaign
            } else if row.has_revoked && revoked != new.revoked {
                RowOutcome::Contradicts(if revoked { Contradiction::Revoked } else { Contradiction::NotRevoked })
            } else if row.has_max_links && max_links != new.max_links {
                RowOutcome::Contradicts(Contradiction::MaxLinks(max_links))
            } else {
                return None;
            };
            Some((index, outcome))
        })
        .collect()
    }

    /// The link requests of the rows that name a customer, except those that can't be imported.
    pub(crate) fn link_requests(&self, rows: &[RowDetails], obstacles: &Obstacles) -> Vec<LinkRequest> {
        let rows = self.folded().zip(rows).enumerate().filter(|(index, _)| !obstacles.contains_key(index));
        rows.filter_map(|(_, (folded, row))| {
            row.customer.map(|customer_id| LinkRequest {
                id: PromotionId::new(self.created_on),
                key: self.key(folded.clone()),
                customer_id,
                origin: LinkOrigin::Import,
                attribution: self.attribution.clone(),
            })
        })
        .collect()
    }

    /// The outcome of each row, from the codes that were added, the rows that can't be imported, and the outcomes of
    /// [`NewCodes::link_requests`].
    pub(crate) fn outcomes(
        &self,
        rows: &[RowDetails],
        mut added: HashSet<FoldedCode>,
        obstacles: &Obstacles,
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
        let rows = self.folded().zip(rows).enumerate();
        rows.map(|(index, (folded, row))| match obstacles.get(&index) {
            Some(outcome) => *outcome,
            None => RowOutcome::InCampaign { added: added.remove(folded), link: row.customer.and_then(|_| link()) },
        })
        .collect()
    }
}

/// A running import. Dropping it rolls back everything since the last commit.
#[async_trait]
pub trait CodeImport: Send {
    /// Adds codes and links each to the customer of the row at the same index, if any. Returns one outcome per code, in
    /// order.
    async fn add(&mut self, codes: &NewCodes, rows: &[RowDetails]) -> Result<Vec<RowOutcome>, StoreError>;

    /// Commits everything since the last commit.
    async fn commit(&mut self) -> Result<(), StoreError>;
}

//! The traits that a store implements. Each method takes and returns sets, in one transaction.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    attribution::Attribution,
    campaign::{Campaign, CampaignChange, CampaignRejection, CampaignWithContent, PromotionMode},
    code::{CodeKey, FoldedCode, PromotionCode},
    ids::{CampaignId, CustomerId, OrgId, PromotionId, RedemptionId},
    import::{CodeImport, NewCodes},
    link::{LinkCheck, LinkKey, LinkOutcome, LinkRequest},
    page::{Start, WalletFilter},
    promotion::Promotion,
    redeem::{RedeemOutcome, RedeemRequest, Redemption},
    time::Timestamp,
};

/// The underlying error, for the log only.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// A failure of the store. Never a refusal by the rules.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A queue or limit of the server is full, or the request waited in it for too long. Nothing was done; retry later.
    #[error("too many requests are waiting")]
    Overloaded,
    /// The database can't be reached, or accepts no changes. The outcome is unknown.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// The database has no space left. Nothing was done; a retry is safe once an operator has freed space.
    #[error("the database has no space left: {0}")]
    Full(#[source] Cause),
    /// Another transaction held a lock for too long. Nothing was done; a retry is safe.
    #[error("another transaction holds a lock: {0}")]
    Contended(#[source] Cause),
    /// The database rejected a statement, or contains corrupt data.
    #[error("the database failed: {0}")]
    Failed(#[source] Cause),
}

/// How to treat a code that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLocked {
    /// Leave it undecided.
    Skip,
    /// Wait for the lock, up to the store's lock timeout.
    Wait,
}

/// The part of the store that links.
#[async_trait]
pub trait LinkRepository: Send + Sync + 'static {
    /// Links a batch of requests, of one organisation unless the store mixes them. All of its links are durable when this returns `Ok`, none if it fails.
    /// Returns one outcome per request, in order; `None` if the code is locked and was skipped.
    async fn link(
        &self,
        requests: &[LinkRequest],
        on_locked: OnLocked,
        now: Timestamp,
    ) -> Result<Vec<Option<LinkOutcome>>, StoreError>;

    /// The number of batches that the store can usefully process concurrently.
    fn link_workers(&self) -> usize;

    /// Whether a batch may have requests of several organisations, so that these share a transaction.
    fn mixes_organisations(&self) -> bool;

    /// The number of further batches that may wait for locks at the same time.
    fn lock_waiters(&self) -> usize;
}

/// Reads of promotions, from the primary store or a replica that lags behind it.
///
/// Every method reads one organisation. Unless stated otherwise, reads return rows in no particular order and leave out ids
/// that don't exist.
///
/// One statement reads several pages of one kind of list: each start names a list and a cursor, and each page has at most
/// `limit` rows. The result has every row of these pages once, in the order of the lists. The caller separates pages of the
/// same list that overlap or adjoin.
#[async_trait]
pub trait PromotionReads: Send + Sync + 'static {
    /// The promotions with these ids.
    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> Result<Vec<Promotion>, StoreError>;

    /// The codes with these folded texts.
    async fn codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        folded: &[FoldedCode],
    ) -> Result<Vec<PromotionCode>, StoreError>;

    /// The campaigns with these ids.
    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> Result<Vec<Campaign>, StoreError>;

    /// The campaigns with these ids, with what they say, or why that of one can't be read.
    async fn campaign_contents(
        &self,
        org: OrgId,
        ids: &[CampaignId],
    ) -> Result<Vec<(CampaignId, Result<CampaignWithContent, StoreError>)>, StoreError>;

    /// The promotions by which these customers hold these codes.
    async fn held_promotions(&self, org: OrgId, keys: &[LinkKey]) -> Result<Vec<Promotion>, StoreError>;

    /// Counts the codes of a mode with this folded prefix, up to `at_most`.
    async fn count_codes(&self, org: OrgId, mode: PromotionMode, prefix: &str, at_most: u64)
    -> Result<u64, StoreError>;

    /// Pages of the organisation's campaigns, newest first. Each starts after one of these campaigns, or at the first one.
    async fn campaign_pages(
        &self,
        org: OrgId,
        afters: &[Option<CampaignId>],
        limit: u32,
    ) -> Result<Vec<Campaign>, StoreError>;

    /// Pages of campaigns' codes, in the order of their folded text.
    async fn codes_of_campaigns(
        &self,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        limit: u32,
    ) -> Result<Vec<PromotionCode>, StoreError>;

    /// Pages of codes' current holds, in the order of their customers.
    async fn holds_of_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        starts: &[Start<FoldedCode, CustomerId>],
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError>;

    /// Pages of customers' promotions, newest first.
    async fn wallets(
        &self,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: WalletFilter,
        limit: u32,
    ) -> Result<Vec<Promotion>, StoreError>;

    /// Pages of promotions' redemptions, oldest first.
    async fn redemptions_of_promotions(
        &self,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        limit: u32,
    ) -> Result<Vec<Redemption>, StoreError>;
}

/// The store of promotions. Both databases give the same guarantees, which one test suite checks. Every method that changes
/// something records its event in the same transaction.
///
/// Every method affects one organisation, except those whose requests name theirs.
#[async_trait]
pub trait PromotionRepository: LinkRepository + PromotionReads {
    /// What linking would decide about each of these requests if it were the only one. Locks and changes nothing.
    async fn check_links(&self, requests: &[LinkRequest], now: Timestamp) -> Result<Vec<LinkCheck>, StoreError>;

    /// Redeems a promotion.
    async fn redeem(&self, request: &RedeemRequest, now: Timestamp) -> Result<RedeemOutcome, StoreError>;

    /// Reverses a redemption; repeating it changes nothing. `None` if there is no such redemption.
    async fn reverse(
        &self,
        org: OrgId,
        id: RedemptionId,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<Redemption>, StoreError>;

    /// Unlinks a promotion; repeating it changes nothing. `None` if there is no such promotion.
    async fn unlink(
        &self,
        org: OrgId,
        id: PromotionId,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<Promotion>, StoreError>;

    /// Revokes a code; repeating it changes nothing. `None` if there is no such code.
    async fn revoke(
        &self,
        key: &CodeKey,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<PromotionCode>, StoreError>;

    /// Adds a campaign.
    async fn create_campaign(&self, campaign: &CampaignWithContent, by: &Attribution) -> Result<(), StoreError>;

    /// Changes a campaign. `None` if there is no such campaign.
    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
        by: &Attribution,
        now: Timestamp,
    ) -> Result<Option<Result<CampaignWithContent, CampaignRejection>>, StoreError>;

    /// Adds codes and leaves existing ones unchanged. Returns those that were added.
    async fn add_codes(&self, codes: &NewCodes) -> Result<Vec<FoldedCode>, StoreError>;

    /// Begins an import.
    async fn import(&self) -> Result<Box<dyn CodeImport>, StoreError>;

    /// Adds campaigns and codes to an organisation without campaigns, and creates the organisation if necessary. Adds nothing
    /// if the organisation has a campaign. Returns whether it added them.
    async fn seed(
        &self,
        org: OrgId,
        campaigns: &[CampaignWithContent],
        codes: &[PromotionCode],
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

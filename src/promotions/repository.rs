//! What the domain asks of a store. Sets in, sets out, one transaction a call.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    campaign::{Campaign, CampaignChange, InvalidCampaign, PromotionMode},
    code::{CodeKey, FoldedCode, PromotionCode},
    ids::{CampaignId, CustomerId, OrgId, PromotionId, RedemptionId},
    import::{CodeImport, NewCodes},
    link::{LinkOutcome, LinkRequest},
    page::{Start, WalletFilter},
    promotion::Promotion,
    redeem::{RedeemOutcome, RedeemRequest, Redemption},
    time::Timestamp,
};

/// What went wrong below, kept for the log and nobody else.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Something broke. What the rules refuse is never one of these.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A queue or limit of the server is full, or the request waited in it for too long. Nothing was done; retry later.
    #[error("too many requests are waiting")]
    Overloaded,
    /// The database can't be reached, or takes no changes. Whether something was done is unknown.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// The database has no space left. Nothing was done; trying again is safe once an operator has made room.
    #[error("the database has no space left: {0}")]
    Full(#[source] Cause),
    /// Another transaction was in the way for too long. Nothing was done; trying again is safe.
    #[error("another transaction is in the way: {0}")]
    Contended(#[source] Cause),
    /// The database refused a statement, or holds what it should not.
    #[error("the database failed: {0}")]
    Failed(#[source] Cause),
}

/// What linking does with a code that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLocked {
    /// Leaves it undecided.
    Skip,
    /// Waits for the lock, up to a limit of the store's.
    Wait,
}

/// What linking asks of a store.
#[async_trait]
pub trait LinkRepository: Send + Sync + 'static {
    /// Links a batch, of any organisations: all that it links is durable when this returns, or none of it.
    /// One outcome per request, in their order: `None` if the code is locked, and was skipped.
    async fn link(
        &self,
        requests: &[LinkRequest],
        on_locked: OnLocked,
        now: Timestamp,
    ) -> Result<Vec<Option<LinkOutcome>>, StoreError>;

    /// How many batches the store can usefully work on concurrently.
    fn link_workers(&self) -> usize;

    /// How many more batches may wait for locks meanwhile.
    fn lock_waiters(&self) -> usize;
}

/// What can be read of promotions, from the store or from a copy of it that lags behind.
///
/// Every method is about one organisation. Reads return rows in no particular order and leave out what there isn't, unless
/// they say otherwise.
///
/// Pages of one kind of list are read by one statement: each start names a list and a cursor of its own, and each page has
/// at most `limit` rows. The answer has every row of these pages once, in the order of the lists. Where pages of a list
/// overlap or follow each other, it is up to the caller to tell them apart.
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

    /// How many codes of a mode begin with this folded text, counting no further than `at_most`.
    async fn count_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        beginning: &str,
        at_most: u64,
    ) -> Result<u64, StoreError>;

    /// Pages of the organisation's campaigns, newest first, each behind one of these campaigns or at the start.
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

    /// Pages of codes' standing holds, in the order of their customers.
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

/// The store of promotions. Both databases keep the same promises; one suite of tests holds them to it.
///
/// Every method is about one organisation, but for those whose requests name theirs.
#[async_trait]
pub trait PromotionRepository: LinkRepository + PromotionReads {
    /// Uses a promotion.
    async fn redeem(&self, request: &RedeemRequest, now: Timestamp) -> Result<RedeemOutcome, StoreError>;

    /// Gives a use back, once. `None`: there is no such redemption.
    async fn reverse(&self, org: OrgId, id: RedemptionId, now: Timestamp) -> Result<Option<Redemption>, StoreError>;

    /// Gives a hold up, once. `None`: there is no such promotion.
    async fn unlink(&self, org: OrgId, id: PromotionId, now: Timestamp) -> Result<Option<Promotion>, StoreError>;

    /// Revokes a code, once. `None`: there is no such code.
    async fn revoke(&self, key: &CodeKey, now: Timestamp) -> Result<Option<PromotionCode>, StoreError>;

    /// Adds a campaign.
    async fn create_campaign(&self, campaign: &Campaign) -> Result<(), StoreError>;

    /// Changes a campaign. `None`: there is no such campaign.
    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
    ) -> Result<Option<Result<Campaign, InvalidCampaign>>, StoreError>;

    /// Adds codes; those that are there already stay as they are. Answers with what was added.
    async fn add_codes(&self, codes: &NewCodes) -> Result<Vec<FoldedCode>, StoreError>;

    /// Begins an import.
    async fn import(&self) -> Result<Box<dyn CodeImport>, StoreError>;

    /// Adds campaigns with their codes to an organisation that has no campaign yet, and may be new: all of them or, if
    /// it has one, nothing. Answers whether it did.
    async fn seed(
        &self,
        org: OrgId,
        campaigns: &[Campaign],
        codes: &[PromotionCode],
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}

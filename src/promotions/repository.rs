//! What the domain asks of a store. Sets in, sets out, one transaction a call.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    campaign::{Campaign, PromotionMode},
    code::{FoldedCode, PromotionCode},
    ids::{CampaignId, OrgId, PromotionId},
    link::{LinkOutcome, LinkRequest},
    promotion::Promotion,
    time::Timestamp,
};

/// What went wrong below, kept for the log and nobody else.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Something broke. What the rules refuse is never one of these.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// More waits than the server lets wait. Nothing was done; trying again later is safe.
    #[error("too many requests are waiting")]
    Overloaded,
    /// The database can't be reached, or is busy beyond patience. Trying again is safe.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Cause),
    /// The database refused a statement, or holds what it should not.
    #[error("the database failed: {0}")]
    Failed(#[source] Cause),
}

/// The store of promotions. Both databases keep the same promises; one suite of tests holds them to it.
#[async_trait]
pub trait PromotionRepository: Send + Sync + 'static {
    /// Links a batch, of any organisations: all of it is durable when this returns, or none of it.
    /// One outcome per request, in their order.
    async fn link(&self, requests: &[LinkRequest], now: Timestamp) -> Result<Vec<LinkOutcome>, StoreError>;

    /// The promotions with these ids, in no particular order; unknown ids are left out.
    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> Result<Vec<Promotion>, StoreError>;

    /// The codes with these folded texts, in no particular order; unknown ones are left out.
    async fn codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        folded: &[FoldedCode],
    ) -> Result<Vec<PromotionCode>, StoreError>;

    /// The campaigns with these ids, in no particular order; unknown ids are left out.
    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> Result<Vec<Campaign>, StoreError>;

    /// Adds campaigns with their codes to an organisation that has no campaign yet: all of them or, if it has one,
    /// nothing. Answers whether it did.
    async fn seed(&self, org: OrgId, campaigns: &[Campaign], codes: &[PromotionCode]) -> Result<bool, StoreError>;
}

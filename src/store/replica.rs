//! Reads from a replica, and from the primary while the replica is unavailable.

use std::{
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use metrics::{Gauge, gauge};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{DatabaseUrl, OpenError, error::StoreResult, postgres, postgres::PostgresStore};
use crate::{
    auth::Secret,
    promotions::{
        Campaign, CampaignId, CampaignWithContent, CustomerId, FoldedCode, LinkKey, OrgId, Promotion, PromotionCode,
        PromotionId, PromotionMode, PromotionReads, Redemption, RedemptionId, Start, StoreError, WalletFilter,
    },
    telemetry::LogThrottle,
};

/// How long a read from the replica may take. A replica that is silent for longer counts as unavailable.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two checks of an unavailable replica.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
#[error("the replica did not answer within {} seconds", READ_TIMEOUT.as_secs())]
struct TimedOut;

/// Opens the replica at a URL for reading. It may still be unavailable.
pub async fn open_replica(
    url: &Secret,
    primary: Arc<dyn PromotionReads>,
) -> Result<Arc<dyn PromotionReads>, OpenError> {
    let store = PostgresStore::replica(url)?;
    let shown = DatabaseUrl::Postgres(url.clone()).to_string();
    let available = gauge!("promolink_replica_available");
    let replica = Arc::new(Replica { store, url: shown, is_away: AtomicBool::new(false), available });
    match postgres::ensure_own_sessions(url.expose()).await {
        Ok(()) => replica.available.set(1),
        // Waiting can't resolve these.
        Err(error @ (OpenError::SharedSessions | OpenError::InvalidUrl(_))) => return Err(error),
        Err(error) => replica.lost(&error.into()),
    }
    tokio::spawn(watch(Arc::downgrade(&replica)));
    Ok(Arc::new(ReplicaReads { replica, primary }))
}

struct Replica {
    store: PostgresStore,
    url: String,
    is_away: AtomicBool,
    available: Gauge,
}

impl Replica {
    fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Relaxed)
    }

    fn lost(&self, error: &StoreError) {
        if !self.is_away.swap(true, Ordering::Relaxed) {
            self.available.set(0);
            tracing::warn!(url = self.url, %error, "the replica is unavailable: queries read from the primary");
        }
    }

    fn found(&self) {
        self.available.set(1);
        self.is_away.store(false, Ordering::Relaxed);
        tracing::info!(url = self.url, "the replica is available again");
    }
}

/// Checks an unavailable replica until it responds. Ends when the replica is dropped.
async fn watch(replica: Weak<Replica>) {
    let mut checks = interval(CHECK_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        checks.tick().await;
        let Some(replica) = replica.upgrade() else { break };
        if replica.is_away() && matches!(timeout(READ_TIMEOUT, replica.store.ping()).await, Ok(Ok(()))) {
            replica.found();
        }
    }
}

struct ReplicaReads {
    replica: Arc<Replica>,
    primary: Arc<dyn PromotionReads>,
}

impl ReplicaReads {
    async fn read<'a, T>(
        &'a self,
        read: impl Fn(&'a dyn PromotionReads) -> BoxFuture<'a, StoreResult<T>>,
    ) -> StoreResult<T> {
        if !self.replica.is_away() {
            let found = timeout(READ_TIMEOUT, read(&self.replica.store)).await;
            match found.unwrap_or_else(|_| Err(StoreError::Unavailable(Arc::new(TimedOut)))) {
                Ok(found) => return Ok(found),
                Err(error @ StoreError::Unavailable(_)) => self.replica.lost(&error),
                // The replica responds but is overloaded. The primary would be too.
                Err(StoreError::Overloaded) if !self.replica.is_away() => return Err(StoreError::Overloaded),
                // A replica cancels slow queries and those that delay replication. It may not have a new table yet, or be the
                // replica of another database.
                Err(error) => log_failed_read(&error),
            }
        }
        read(&*self.primary).await
    }
}

/// Logs a read that the primary had to answer, although the replica responds.
fn log_failed_read(error: &StoreError) {
    static THROTTLE: LazyLock<LogThrottle> = LazyLock::new(LogThrottle::default);
    if let Some(left_out) = THROTTLE.allow_line() {
        tracing::warn!(%error, left_out, "the replica failed a read, which the primary executed");
    }
}

#[async_trait]
impl PromotionReads for ReplicaReads {
    async fn promotions(&self, org: OrgId, ids: &[PromotionId]) -> StoreResult<Vec<Promotion>> {
        self.read(|reads| reads.promotions(org, ids)).await
    }

    async fn codes(&self, org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> StoreResult<Vec<PromotionCode>> {
        self.read(|reads| reads.codes(org, mode, folded)).await
    }

    async fn campaigns(&self, org: OrgId, ids: &[CampaignId]) -> StoreResult<Vec<Campaign>> {
        self.read(|reads| reads.campaigns(org, ids)).await
    }

    async fn campaign_contents(
        &self,
        org: OrgId,
        ids: &[CampaignId],
    ) -> StoreResult<Vec<(CampaignId, StoreResult<CampaignWithContent>)>> {
        self.read(|reads| reads.campaign_contents(org, ids)).await
    }

    async fn held_promotions(&self, org: OrgId, keys: &[LinkKey]) -> StoreResult<Vec<Promotion>> {
        self.read(|reads| reads.held_promotions(org, keys)).await
    }

    async fn count_codes(&self, org: OrgId, mode: PromotionMode, beginning: &str, at_most: u64) -> StoreResult<u64> {
        self.read(|reads| reads.count_codes(org, mode, beginning, at_most)).await
    }

    async fn campaign_pages(
        &self,
        org: OrgId,
        afters: &[Option<CampaignId>],
        limit: u32,
    ) -> StoreResult<Vec<Campaign>> {
        self.read(|reads| reads.campaign_pages(org, afters, limit)).await
    }

    async fn codes_of_campaigns(
        &self,
        org: OrgId,
        starts: &[Start<CampaignId, FoldedCode>],
        limit: u32,
    ) -> StoreResult<Vec<PromotionCode>> {
        self.read(|reads| reads.codes_of_campaigns(org, starts, limit)).await
    }

    async fn holds_of_codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        starts: &[Start<FoldedCode, CustomerId>],
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        self.read(|reads| reads.holds_of_codes(org, mode, starts, limit)).await
    }

    async fn wallets(
        &self,
        org: OrgId,
        starts: &[Start<CustomerId, PromotionId>],
        filter: WalletFilter,
        limit: u32,
    ) -> StoreResult<Vec<Promotion>> {
        self.read(|reads| reads.wallets(org, starts, filter, limit)).await
    }

    async fn redemptions_of_promotions(
        &self,
        org: OrgId,
        starts: &[Start<PromotionId, RedemptionId>],
        limit: u32,
    ) -> StoreResult<Vec<Redemption>> {
        self.read(|reads| reads.redemptions_of_promotions(org, starts, limit)).await
    }
}

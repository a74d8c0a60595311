//! A scripted repository.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::{
    promotions::{
        Actor, Attribution, Campaign, CampaignId, Clock, Code, CodeKey, CodeState, CustomerId, LinkOrigin, LinkOutcome,
        LinkRepository, LinkRequest, OnLocked, PromotionCode, PromotionId, PromotionMode, StoreError, SystemClock,
        Timestamp, WorkingSet, decide,
    },
    service::batcher::{linker::Panicked, queue::locked},
};

/// The number of batches that may wait for locks.
pub const LOCK_WAITERS: usize = 2;

/// The lock timeout of the double.
pub const LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// Refuses every code except `linkable`, and fails for `poison`, `panic` and `unavailable`. Codes that begin with `locked` are
/// locked until `unlocked` is set.
#[derive(Default)]
pub struct Double {
    /// The number of links of each batch that did not wait for locks.
    pub batches: Mutex<Vec<usize>>,
    /// The number of transactions that have waited for the lock of each code.
    pub waits: Mutex<BTreeMap<String, usize>>,
    pub gate: Option<Semaphore>,
    pub unlocked: AtomicBool,
}

impl Double {
    fn has_locked(&self, code: &CodeKey) -> bool {
        code.folded.as_str().starts_with("locked") && !self.unlocked.load(Ordering::Relaxed)
    }

    fn working_set(&self, requests: &[LinkRequest]) -> WorkingSet {
        let mut set = WorkingSet::default();
        for LinkRequest { key, .. } in requests {
            if self.has_locked(key) {
                set.locked.insert(key.clone());
            } else if key.folded.as_str() == "linkable" {
                set.codes.insert(key.clone(), linkable(key));
            }
        }
        set
    }
}

fn linkable(key: &CodeKey) -> CodeState {
    let start = Timestamp::from_millis(0);
    let campaign = Campaign {
        org: key.org,
        id: CampaignId::new(start),
        name: "Spring".to_owned(),
        mode: key.mode,
        active: true,
        created_on: start,
        redeemable_from: start,
        valid_till: Timestamp::from_millis(i64::MAX),
        valid_for_days: None,
        max_links_per_customer: None,
        max_redemptions_per_link: 1,
        version: 1,
    };
    let code = PromotionCode {
        org: key.org,
        mode: key.mode,
        code: Code::parse(key.folded.as_str()).unwrap(),
        campaign_id: campaign.id,
        created_on: start,
        revoked_on: None,
        max_links: None,
        link_count: 0,
    };
    CodeState { code, campaign: Arc::new(campaign), holds: HashMap::new() }
}

#[async_trait]
impl LinkRepository for Double {
    async fn link(
        &self,
        requests: &[LinkRequest],
        on_locked: OnLocked,
        now: Timestamp,
    ) -> Result<Vec<Option<LinkOutcome>>, StoreError> {
        match on_locked {
            OnLocked::Skip => self.batches.lock().unwrap().push(requests.len()),
            OnLocked::Wait => {
                let code = &requests[0].key;
                *self.waits.lock().unwrap().entry(code.folded.as_str().to_owned()).or_default() += 1;
                let started = Instant::now();
                while self.has_locked(code) {
                    if started.elapsed() >= LOCK_TIMEOUT {
                        return Err(locked());
                    }
                    sleep(Duration::from_millis(1)).await;
                }
            }
        }
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let is = |word: &str| requests.iter().any(|request| request.key.folded.as_str() == word);
        assert!(!is("panic"), "requested by the test");
        if is("poison") {
            return Err(StoreError::Failed(Arc::new(Panicked)));
        }
        if is("unavailable") {
            return Err(StoreError::Unavailable(Arc::new(Panicked)));
        }
        Ok(decide(self.working_set(requests), requests, now).outcomes)
    }

    fn link_workers(&self) -> usize {
        1
    }

    fn mixes_organisations(&self) -> bool {
        true
    }

    fn lock_waiters(&self) -> usize {
        LOCK_WAITERS
    }
}

pub fn request(code: &str, customer: i64) -> LinkRequest {
    let folded = Code::parse(code).unwrap().into_folded();
    let key = CodeKey { org: 1.try_into().unwrap(), mode: PromotionMode::Discount, folded };
    let customer_id = CustomerId::try_from(customer).unwrap();
    let attribution = Attribution::to(Actor::Server);
    LinkRequest { id: PromotionId::new(SystemClock.now()), key, customer_id, origin: LinkOrigin::Link, attribution }
}

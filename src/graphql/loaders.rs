//! Per-request loaders: relations of many parents are read by one query per kind and level.
//!
//! They batch and do not cache: within one request a mutation may change what the next field reads.

use std::{collections::HashMap, sync::Arc};

use async_graphql::Error;
use dataloader::{BatchFn, non_cached::Loader};

use super::error::broken;
use crate::promotions::{Campaign, CampaignId, OrgId, PromotionService, StoreError};

/// More parents than a response can have: a level is never split.
const WHOLE_LEVEL: usize = 100_000;

/// What a loader finds for a key. All keys of a batch share its failure.
type Found<T> = Result<Option<Arc<T>>, StoreError>;

/// The loaders of one request, which see one organisation.
pub struct Loaders {
    campaigns: Loader<CampaignId, Found<Campaign>, CampaignBatch>,
}

impl Loaders {
    /// New loaders for a request.
    pub fn new(service: &Arc<PromotionService>, org: OrgId) -> Self {
        let batch = CampaignBatch { service: Arc::clone(service), org };
        Self { campaigns: Loader::new(batch).with_max_batch_size(WHOLE_LEVEL) }
    }

    /// The campaign with this id.
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<Arc<Campaign>>, Error> {
        self.campaigns.load(id).await.map_err(|error| broken(&error))
    }
}

struct CampaignBatch {
    service: Arc<PromotionService>,
    org: OrgId,
}

impl BatchFn<CampaignId, Found<Campaign>> for CampaignBatch {
    async fn load(&mut self, ids: &[CampaignId]) -> HashMap<CampaignId, Found<Campaign>> {
        match self.service.campaigns(self.org, ids).await {
            Ok(campaigns) => {
                let mut found: HashMap<_, _> = ids.iter().map(|id| (*id, Ok(None))).collect();
                found.extend(campaigns.into_iter().map(|campaign| (campaign.id, Ok(Some(Arc::new(campaign))))));
                found
            }
            Err(error) => ids.iter().map(|id| (*id, Err(error.clone()))).collect(),
        }
    }
}

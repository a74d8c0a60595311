//! PostgreSQL, the production store: any number of server processes on one database.

mod statements;

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use diesel::{SelectableHelper, prelude::*};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, RunQueryDsl,
    pooled_connection::{
        AsyncDieselConnectionManager,
        deadpool::{Object, Pool},
    },
};

use super::{
    error::{OpenError, StoreResult},
    queries,
    rows::{CampaignRow, CodeRow, HeldKey, HoldRow, PromotionRow, code_key, ids, into_domain, mode_to_db},
    schema::{campaigns, promotion_codes},
};
use crate::promotions::{
    Campaign, CampaignId, CodeState, FoldedCode, LinkOutcome, LinkRequest, OrgId, Promotion, PromotionCode,
    PromotionId, PromotionMode, PromotionRepository, StoreError, Timestamp, WorkingSet, decide,
};

/// Connections of one process. More make a small database slower, not faster.
const POOL_SIZE: usize = 8;

/// How long a request waits for a connection.
const POOL_WAIT: Duration = Duration::from_secs(5);

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool<AsyncPgConnection>,
}

#[derive(Debug, thiserror::Error)]
#[error("no database connection became free in {} seconds", POOL_WAIT.as_secs())]
struct PoolTimeout;

impl PostgresStore {
    /// Opens the database with this URL, and makes sure that it answers.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        AsyncPgConnection::establish(url).await?;
        let pool = Pool::builder(AsyncDieselConnectionManager::new(url)).max_size(POOL_SIZE).build()?;
        Ok(Self { pool })
    }

    async fn connection(&self) -> StoreResult<Object<AsyncPgConnection>> {
        match tokio::time::timeout(POOL_WAIT, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(StoreError::Unavailable(Arc::new(error))),
            Err(_) => Err(StoreError::Unavailable(Arc::new(PoolTimeout))),
        }
    }
}

#[async_trait]
impl PromotionRepository for PostgresStore {
    async fn link(&self, requests: &[LinkRequest], now: Timestamp) -> StoreResult<Vec<LinkOutcome>> {
        self.connection()
            .await?
            .transaction(async |connection| {
                let set = read_working_set(connection, requests).await?;
                let decisions = decide(set, requests, now);
                let new: Vec<&Promotion> = decisions.new_promotions().collect();
                if !new.is_empty() {
                    statements::InsertPromotions::new(&new).execute(connection).await?;
                    statements::CountLinks::new(&new).execute(connection).await?;
                }
                Ok(decisions.outcomes)
            })
            .await
    }

    async fn promotions(&self, org: OrgId, promotion_ids: &[PromotionId]) -> StoreResult<Vec<Promotion>> {
        let query = queries::promotions_by_id(org.get(), ids(promotion_ids, |id| id.get()));
        into_domain(query.select(PromotionRow::as_select()).load(&mut self.connection().await?).await?)
    }

    async fn codes(&self, org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> StoreResult<Vec<PromotionCode>> {
        let folded = folded.iter().map(|folded| folded.as_str().to_owned()).collect();
        let query = queries::codes_by_text(org.get(), mode_to_db(mode), folded);
        into_domain(query.select(CodeRow::as_select()).load(&mut self.connection().await?).await?)
    }

    async fn campaigns(&self, org: OrgId, campaign_ids: &[CampaignId]) -> StoreResult<Vec<Campaign>> {
        let query = queries::campaigns_by_id(org.get(), ids(campaign_ids, |id| id.get()));
        into_domain(query.select(CampaignRow::as_select()).load(&mut self.connection().await?).await?)
    }

    async fn seed(&self, org: OrgId, campaigns: &[Campaign], codes: &[PromotionCode]) -> StoreResult<bool> {
        let campaign_rows: Vec<CampaignRow> = campaigns.iter().map(Into::into).collect();
        let code_rows: Vec<CodeRow> = codes.iter().map(Into::into).collect();
        self.connection()
            .await?
            .transaction(async |connection| {
                // Two processes may start at once.
                statements::AdvisoryLocks::organisation(org).execute(connection).await?;
                if diesel::select(queries::has_campaigns(org.get())).get_result(connection).await? {
                    return Ok(false);
                }
                diesel::insert_into(campaigns::table).values(campaign_rows).execute(connection).await?;
                diesel::insert_into(promotion_codes::table).values(code_rows).execute(connection).await?;
                Ok(true)
            })
            .await
    }
}

/// Locks the codes of a batch, then reads what the rules look at. Each statement sees what was committed before it, so
/// the holds are read in statements of their own, after the locks: nobody can add one any more.
async fn read_working_set(connection: &mut AsyncPgConnection, requests: &[LinkRequest]) -> StoreResult<WorkingSet> {
    let mut set = WorkingSet::default();
    let keys: BTreeSet<_> = requests.iter().map(|request| &request.key).collect();
    let locked: Vec<CodeRow> = statements::LockCodes::new(keys).load(connection).await?;
    let mut campaigns = read_campaigns(connection, &locked).await?;
    for row in locked {
        let code: PromotionCode = row.try_into()?;
        let Entry::Occupied(campaign) = campaigns.entry((code.org, code.campaign_id)) else { continue };
        let key = code.key();
        set.codes.insert(key, CodeState { code, campaign: Arc::clone(campaign.get()), holds: HashMap::new() });
    }

    // After the codes, the customers whose holds are limited: all processes lock in this order, so none waits in a ring.
    let limited: BTreeSet<HeldKey> = requests
        .iter()
        .filter_map(|request| {
            let campaign = &set.codes.get(&request.key)?.campaign;
            campaign.max_links_per_customer.map(|_| (campaign.org, campaign.id, request.customer_id))
        })
        .collect();
    if !limited.is_empty() {
        statements::AdvisoryLocks::customers(&limited).execute(connection).await?;
        let counts: Vec<(i64, super::rows::Id, i64, i64)> =
            statements::CountHeld::new(&limited).load(connection).await?;
        for (org, campaign, customer, held) in counts {
            set.held.insert((org.try_into()?, campaign.0.into(), customer.try_into()?), u32::try_from(held)?);
        }
    }

    let holds: Vec<HoldRow> = statements::ReadHolds::new(requests).load(connection).await?;
    for row in holds {
        let key = code_key(row.org_id, row.mode, row.folded.clone())?;
        if let Some(state) = set.codes.get_mut(&key) {
            let promotion = row.into_promotion(&state.code, &state.campaign)?;
            state.holds.insert(promotion.customer_id, promotion);
        }
    }
    Ok(set)
}

async fn read_campaigns(
    connection: &mut AsyncPgConnection,
    codes: &[CodeRow],
) -> StoreResult<HashMap<(OrgId, CampaignId), Arc<Campaign>>> {
    let rows: Vec<CampaignRow> = statements::ReadCampaigns::new(codes).load(connection).await?;
    let campaigns: Vec<Campaign> = into_domain(rows)?;
    Ok(campaigns.into_iter().map(|campaign| ((campaign.org, campaign.id), Arc::new(campaign))).collect())
}

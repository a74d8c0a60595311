//! SQLite, the embedded store: one connection that writes, a few that read, all of it off the async threads.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use diesel::{
    connection::SimpleConnection,
    dsl::count_star,
    prelude::*,
    r2d2::{ConnectionManager, CustomizeConnection, Pool},
};

use super::{
    error::{OpenError, StoreResult},
    queries,
    rows::{CampaignRow, CodeRow, HoldRow, Id, NewPromotionRow, PromotionRow, ids, into_domain, mode_to_db},
    schema::{campaigns, promotion_codes, promotions},
};
use crate::promotions::{
    Campaign, CampaignId, CodeKey, CodeState, FoldedCode, LinkOutcome, LinkRequest, OrgId, Promotion, PromotionCode,
    PromotionId, PromotionMode, PromotionRepository, StoreError, Timestamp, WorkingSet, decide,
};

/// How long a connection waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections for reading. They wait for the disk at most, so a few serve many.
const READERS: u32 = 4;

/// A store in one SQLite file.
pub struct SqliteStore {
    writer: Arc<Mutex<SqliteConnection>>,
    readers: Pool<ConnectionManager<SqliteConnection>>,
}

impl SqliteStore {
    /// Opens the file, which is made if it isn't there.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let writer = connect(path)?;
        let readers = Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(BUSY_TIMEOUT)
            .connection_customizer(Box::new(Configure))
            .build(ConnectionManager::new(path.to_string_lossy()))?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers })
    }

    /// Runs a reading closure where it may block.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = self.readers.clone();
        blocking(move || work(&mut *readers.get()?)).await
    }

    /// Runs a closure in a transaction that may write from its first statement on.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writer = Arc::clone(&self.writer);
        // A panic in an earlier transaction rolled it back: the connection is sound.
        blocking(move || writer.lock().unwrap_or_else(PoisonError::into_inner).immediate_transaction(work)).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> StoreResult<T> + Send + 'static) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(StoreError::Failed(Arc::new(panic))),
    }
}

/// Opens one connection as all of ours are set.
pub fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
    configure(&mut connection)?;
    Ok(connection)
}

fn configure(connection: &mut SqliteConnection) -> QueryResult<()> {
    // The wait comes first: even switching to WAL takes a lock. FULL: what was acknowledged survives a power cut.
    connection.batch_execute(&format!(
        "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        BUSY_TIMEOUT.as_millis()
    ))
}

#[derive(Debug)]
struct Configure;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Configure {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        configure(connection).map_err(diesel::r2d2::Error::QueryError)
    }
}

#[async_trait]
impl PromotionRepository for SqliteStore {
    async fn link(&self, requests: &[LinkRequest], now: Timestamp) -> Result<Vec<LinkOutcome>, StoreError> {
        let requests = requests.to_vec();
        self.write(move |connection| {
            let set = read_working_set(connection, &requests)?;
            let decisions = decide(set, &requests, now);
            for promotion in decisions.new_promotions() {
                insert_hold(connection, promotion)?;
            }
            Ok(decisions.outcomes)
        })
        .await
    }

    async fn promotions(&self, org: OrgId, promotion_ids: &[PromotionId]) -> Result<Vec<Promotion>, StoreError> {
        let query = queries::promotions_by_id(org.get(), ids(promotion_ids, |id| id.get()));
        self.read(move |connection| into_domain(query.select(PromotionRow::as_select()).load(connection)?)).await
    }

    async fn codes(
        &self,
        org: OrgId,
        mode: PromotionMode,
        folded: &[FoldedCode],
    ) -> Result<Vec<PromotionCode>, StoreError> {
        let folded = folded.iter().map(|folded| folded.as_str().to_owned()).collect();
        let query = queries::codes_by_text(org.get(), mode_to_db(mode), folded);
        self.read(move |connection| into_domain(query.select(CodeRow::as_select()).load(connection)?)).await
    }

    async fn campaigns(&self, org: OrgId, campaign_ids: &[CampaignId]) -> Result<Vec<Campaign>, StoreError> {
        let query = queries::campaigns_by_id(org.get(), ids(campaign_ids, |id| id.get()));
        self.read(move |connection| into_domain(query.select(CampaignRow::as_select()).load(connection)?)).await
    }

    async fn seed(&self, org: OrgId, campaigns: &[Campaign], codes: &[PromotionCode]) -> StoreResult<bool> {
        let campaign_rows: Vec<CampaignRow> = campaigns.iter().map(Into::into).collect();
        let code_rows: Vec<CodeRow> = codes.iter().map(Into::into).collect();
        self.write(move |connection| {
            if diesel::select(queries::has_campaigns(org.get())).get_result(connection)? {
                return Ok(false);
            }
            diesel::insert_into(campaigns::table).values(campaign_rows).execute(connection)?;
            diesel::insert_into(promotion_codes::table).values(code_rows).execute(connection)?;
            Ok(true)
        })
        .await
    }
}

fn read_working_set(connection: &mut SqliteConnection, requests: &[LinkRequest]) -> StoreResult<WorkingSet> {
    let mut set = WorkingSet::default();
    let mut campaigns = HashMap::new();
    for request in requests {
        if !set.codes.contains_key(&request.key) {
            let Some(code) = read_code(connection, &request.key)? else { continue };
            let campaign = match campaigns.entry((code.org, code.campaign_id)) {
                Entry::Occupied(entry) => Arc::clone(entry.get()),
                Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(read_campaign(connection, &code)?))),
            };
            set.codes.insert(request.key.clone(), CodeState { code, campaign, holds: HashMap::new() });
        }
        let Some(state) = set.codes.get_mut(&request.key) else { continue };
        if let Some(hold) = read_hold(connection, request)? {
            state.holds.insert(request.customer_id, hold.into_promotion(&state.code, &state.campaign)?);
        }
        let held_key = (request.key.org, state.campaign.id, request.customer_id);
        if state.campaign.max_links_per_customer.is_some() && !set.held.contains_key(&held_key) {
            let held: i64 = promotions::table
                .filter(promotions::org_id.eq(request.key.org.get()))
                .filter(promotions::customer_id.eq(request.customer_id.get()))
                .filter(promotions::campaign_id.eq(Id(state.campaign.id.get())))
                .filter(promotions::unlinked_on.is_null())
                .select(count_star())
                .get_result(connection)?;
            set.held.insert(held_key, u32::try_from(held)?);
        }
    }
    Ok(set)
}

fn read_code(connection: &mut SqliteConnection, key: &CodeKey) -> StoreResult<Option<PromotionCode>> {
    let row: Option<CodeRow> = promotion_codes::table
        .find((key.org.get(), mode_to_db(key.mode), key.folded.as_str()))
        .select(CodeRow::as_select())
        .first(connection)
        .optional()?;
    row.map(TryInto::try_into).transpose()
}

fn read_campaign(connection: &mut SqliteConnection, code: &PromotionCode) -> StoreResult<Campaign> {
    let row: CampaignRow = campaigns::table
        .find((code.org.get(), Id(code.campaign_id.get())))
        .select(CampaignRow::as_select())
        .first(connection)?;
    row.try_into()
}

fn read_hold(connection: &mut SqliteConnection, request: &LinkRequest) -> StoreResult<Option<HoldRow>> {
    Ok(promotions::table
        .filter(promotions::org_id.eq(request.key.org.get()))
        .filter(promotions::mode.eq(mode_to_db(request.key.mode)))
        .filter(promotions::folded.eq(request.key.folded.as_str()))
        .filter(promotions::customer_id.eq(request.customer_id.get()))
        .filter(promotions::unlinked_on.is_null())
        .select(HoldRow::as_select())
        .first(connection)
        .optional()?)
}

/// Writes a new hold and counts it on its code; the tables' constraints have the last word.
fn insert_hold(connection: &mut SqliteConnection, promotion: &Promotion) -> StoreResult<()> {
    let row = NewPromotionRow::from(promotion);
    diesel::update(promotion_codes::table.find((row.org_id, row.mode, row.folded.as_str())))
        .set(promotion_codes::link_count.eq(promotion_codes::link_count + 1))
        .execute(connection)?;
    diesel::insert_into(promotions::table).values(row).execute(connection)?;
    Ok(())
}

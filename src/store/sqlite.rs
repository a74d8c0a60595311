//! SQLite, the embedded store: one connection that writes and a few that read, all on blocking threads.

mod api_keys;
mod campaigns;
mod connection;
mod events;
mod file_error;
mod import;
mod json_sets;
mod keyed;
mod link;
mod paged;
mod reads;
mod webhooks;
mod writer;
mod writes;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use diesel::{
    prelude::*,
    r2d2::{ConnectionManager, Pool},
};
use tokio::{
    sync::{Mutex, Semaphore},
    time::sleep,
};

use self::{connection::Configure, writer::Writer};
pub use self::{
    connection::{BUSY_TIMEOUT, connect, connect_for_check, connect_read_only, connect_to_migrate, write},
    file_error::FileError,
};
use super::{
    error::{OpenError, StoreResult},
    readiness::Space,
};
use crate::promotions::{
    Attribution, CODE_BATCH, CampaignChange, CampaignId, CampaignRejection, CampaignWithContent, CodeImport, CodeKey,
    FoldedCode, LinkCheck, LinkOutcome, LinkRepository, LinkRequest, NewCodes, OnLocked, OrgId, Promotion,
    PromotionCode, PromotionId, PromotionRepository, RedeemOutcome, RedeemRequest, Redemption, RedemptionId,
    StoreError, Timestamp,
};

/// Connections for reading. They wait for nothing but the disk, so a few serve many requests.
const READERS: u32 = 4;

/// A store in one SQLite file.
///
/// Work waits for a connection before it goes to a blocking thread, so that it takes no more threads than there are
/// connections, however many requests wait.
pub struct SqliteStore {
    writer: Writer,
    /// Held while codes are added, so that links wait for at most one batch of codes, however many callers add some.
    adding: Mutex<()>,
    readers: Pool<ConnectionManager<SqliteConnection>>,
    /// One permit per reader.
    read_permits: Arc<Semaphore>,
}

impl SqliteStore {
    /// Opens the file, or creates it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let writer = Writer::open(path)?;
        let readers = Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(BUSY_TIMEOUT)
            // A connection to a file does not break.
            .test_on_check_out(false)
            .connection_customizer(Box::new(Configure))
            .build(ConnectionManager::new(path.to_string_lossy()))?;
        let read_permits = Arc::new(Semaphore::new(READERS as usize));
        Ok(Self { writer, adding: Mutex::default(), readers, read_permits })
    }

    /// When the database was last full.
    pub fn space(&self) -> Arc<Space> {
        Arc::clone(&self.writer.space)
    }

    /// Runs a closure that reads on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.read_permits)
            .acquire_owned()
            .await
            .map_err(|closed| StoreError::Failed(Arc::new(closed)))?;
        let readers = self.readers.clone();
        blocking(move || {
            // Released after the connection, even if the caller no longer waits.
            let _permit = permit;
            work(&mut *readers.get()?)
        })
        .await
    }

    /// Runs a closure in a transaction that holds the write lock from the beginning.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.run(work).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> StoreResult<T> + Send + 'static) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(StoreError::Failed(Arc::new(panic))),
    }
}

#[async_trait]
impl LinkRepository for SqliteStore {
    async fn link(
        &self,
        requests: &[LinkRequest],
        // A transaction that writes locks the whole file, never a single code.
        _: OnLocked,
        now: Timestamp,
    ) -> StoreResult<Vec<Option<LinkOutcome>>> {
        let requests = requests.to_vec();
        self.write(move |connection| link::link(connection, &requests, now)).await
    }

    fn link_workers(&self) -> usize {
        // There is one writer.
        1
    }

    fn mixes_organisations(&self) -> bool {
        true
    }

    fn lock_waiters(&self) -> usize {
        // The writer itself waits for another process that has locked the file.
        0
    }
}

#[async_trait]
impl PromotionRepository for SqliteStore {
    async fn check_links(&self, requests: &[LinkRequest], now: Timestamp) -> StoreResult<Vec<LinkCheck>> {
        let requests = requests.to_vec();
        self.read(move |connection| link::check_links(connection, &requests, now)).await
    }

    async fn redeem(&self, request: &RedeemRequest, now: Timestamp) -> StoreResult<RedeemOutcome> {
        let request = request.clone();
        self.write(move |connection| writes::redeem(connection, &request, now)).await
    }

    async fn reverse(
        &self,
        org: OrgId,
        id: RedemptionId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Redemption>> {
        let by = by.clone();
        self.write(move |connection| writes::reverse(connection, org, id, &by, now)).await
    }

    async fn unlink(
        &self,
        org: OrgId,
        id: PromotionId,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Promotion>> {
        let by = by.clone();
        self.write(move |connection| writes::unlink(connection, org, id, &by, now)).await
    }

    async fn revoke(&self, key: &CodeKey, by: &Attribution, now: Timestamp) -> StoreResult<Option<PromotionCode>> {
        let (key, by) = (key.clone(), by.clone());
        self.write(move |connection| writes::revoke(connection, &key, &by, now)).await
    }

    async fn create_campaign(&self, campaign: &CampaignWithContent, by: &Attribution) -> StoreResult<()> {
        let (campaign, by) = (campaign.clone(), by.clone());
        self.write(move |connection| campaigns::create(connection, &campaign, &by)).await
    }

    async fn update_campaign(
        &self,
        org: OrgId,
        id: CampaignId,
        change: &CampaignChange,
        by: &Attribution,
        now: Timestamp,
    ) -> StoreResult<Option<Result<CampaignWithContent, CampaignRejection>>> {
        let (change, by) = (change.clone(), by.clone());
        self.write(move |connection| campaigns::update(connection, org, id, &change, &by, now)).await
    }

    async fn add_codes(&self, codes: &NewCodes) -> StoreResult<Vec<FoldedCode>> {
        let _adding = self.adding.lock().await;
        let full = codes.codes.len() == CODE_BATCH;
        let codes = codes.clone();
        let added = self.write(move |connection| import::add_codes(connection, &codes)).await?;
        if full {
            // More may follow, from a command that runs beside the server.
            sleep(import::BATCH_PAUSE).await;
        }
        Ok(added)
    }

    async fn import(&self) -> StoreResult<Box<dyn CodeImport>> {
        let path = self.writer.path.clone();
        blocking(move || Ok(Box::new(import::Import::begin(&path)?) as Box<dyn CodeImport>)).await
    }

    async fn seed(
        &self,
        org: OrgId,
        campaigns: &[CampaignWithContent],
        codes: &[PromotionCode],
        now: Timestamp,
    ) -> StoreResult<bool> {
        let (campaigns, codes) = (campaigns.to_vec(), codes.to_vec());
        self.write(move |connection| writes::seed(connection, org, &campaigns, &codes, now)).await
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::*;

    #[tokio::test]
    async fn a_store_recovers_when_its_full_disk_has_space_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("test.db")).unwrap();
        let run =
            async |statements: &'static str| store.write(|connection| Ok(connection.batch_execute(statements)?)).await;
        run("CREATE TABLE rows (row BLOB)").await.unwrap();
        // Acts like a full disk, until the connection is opened again.
        let full = run("PRAGMA max_page_count = 100; INSERT INTO rows VALUES (zeroblob(1000000))").await;
        assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
        run("INSERT INTO rows VALUES (zeroblob(1000000))").await.unwrap();
    }
}

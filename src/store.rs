//! Both databases behind the traits that `promotions` and `auth` declare. The only module that uses Diesel.
//!
//! The stores share the tables (`schema`), the rows, the queries that Diesel's builder can express (`keyed`, `paged`) and
//! the rules: between its reads and its writes, each calls the same pure function of the domain.

mod actor_names;
mod check;
mod database_url;
mod error;
mod event_page;
mod keyed;
mod migrations;
mod ordering;
mod paged;
mod postgres;
mod promotion_conditions;
mod readiness;
mod replica;
mod rows;
mod schema;
mod sql;
mod sql_log;
mod sqlite;

use std::sync::Arc;

pub use check::{Checked, Example, check, invariants};
pub use database_url::{DatabaseUrl, DatabaseUrlError};
pub use error::OpenError;
pub use migrations::{Collisions, Migration, MigrationState, distribute, fold_again, migrate, status};
pub use postgres::Distribution;
pub use readiness::Readiness;
pub use replica::open_replica;

use crate::{
    auth::{ApiKeyRepository, SharedBudgets},
    events::WebhookRepository,
    promotions::{EventRepository, PromotionRepository},
};

/// An open store, as the repositories that it implements.
pub struct Store {
    /// Campaigns, codes, promotions and redemptions.
    pub promotions: Arc<dyn PromotionRepository>,
    /// API keys.
    pub api_keys: Arc<dyn ApiKeyRepository>,
    /// The events of all changes.
    pub events: Arc<dyn EventRepository>,
    /// Webhook endpoints.
    pub webhooks: Arc<dyn WebhookRepository>,
    /// Budgets that the servers of the database share. A SQLite database has one server.
    pub shared_budgets: Option<Arc<dyn SharedBudgets>>,
    /// How the tables are distributed over several servers, if they are.
    pub distribution: Option<Distribution>,
    /// Checks whether the database can be used.
    pub readiness: Readiness,
}

impl Store {
    fn new<T>(store: Arc<T>, readiness: Readiness) -> Self
    where
        T: PromotionRepository + ApiKeyRepository + EventRepository + WebhookRepository,
    {
        Self {
            promotions: Arc::clone(&store) as _,
            api_keys: Arc::clone(&store) as _,
            events: Arc::clone(&store) as _,
            webhooks: store,
            shared_budgets: None,
            distribution: None,
            readiness,
        }
    }
}

/// Fails if a pooler between the server and PostgreSQL shares sessions among its clients.
pub async fn ensure_own_sessions(url: &DatabaseUrl) -> Result<(), OpenError> {
    match url {
        DatabaseUrl::Sqlite(_) => Ok(()),
        DatabaseUrl::Postgres(url) => postgres::ensure_own_sessions(url.expose()).await,
    }
}

/// Opens the store at a URL. Its tables must exist: see [`migrate`].
pub async fn open(url: &DatabaseUrl) -> Result<Store, OpenError> {
    sql_log::install();
    let readiness = |space, is_distributed| Readiness::new(url.clone(), space, is_distributed);
    Ok(match url {
        DatabaseUrl::Sqlite(path) => {
            let store = sqlite::SqliteStore::open(path)?;
            let space = store.space();
            Store::new(Arc::new(store), readiness(space, false))
        }
        DatabaseUrl::Postgres(url) => {
            let store = Arc::new(postgres::PostgresStore::open(url).await?);
            let space = store.space();
            let distribution = store.distribution();
            let repositories = Store::new(Arc::clone(&store), readiness(space, distribution.is_some()));
            Store { shared_budgets: Some(store), distribution, ..repositories }
        }
    })
}

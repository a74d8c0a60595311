//! Test support: disposable databases, server processes, credentials and fixtures.

mod citus;
mod cluster;
mod database;
mod fixtures;
pub mod issuer;
pub mod raw;
mod receiver;
mod server;

pub use cluster::{Cluster, user_instead_of_root};
pub use database::Database;
pub use fixtures::{ORG, TestCampaign, campaign, in_days, org};
pub use receiver::{Answer, LOCAL, Message, Receiver};
pub use server::{Caller, Server, code_of, program};

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($(#[doc = $doc:literal])* async fn $name:ident($database:ident: Database) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[doc = $doc])*
            async fn test($database: Database) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                test(Database::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                test(Database::postgres()).await;
            }
        }
    )*};
}
pub(crate) use on_both_databases;

/// Runs each test on SQLite and on PostgreSQL, and on a Citus cluster if there is one.
macro_rules! on_all_databases {
    ($($(#[doc = $doc:literal])* async fn $name:ident($database:ident: Database) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[doc = $doc])*
            async fn test($database: Database) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                test(Database::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                test(Database::postgres()).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs a Citus cluster: TEST_CITUS_URL=postgres://... tests/run citus"]
            async fn on_citus() {
                test(Database::citus()).await;
            }
        }
    )*};
}
pub(crate) use on_all_databases;

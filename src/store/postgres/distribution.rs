//! Databases whose tables are distributed over several servers by organisation, with Citus (<https://docs.citusdata.com>).
//!
//! An organisation is on one server, so a transaction about it is an ordinary one there. Servers of Promolink may be connected
//! to any server of the database, which passes statements on by their condition `org_id = $n`.

use std::fmt;

use diesel::{
    QueryResult,
    dsl::sql,
    sql_types::{Array, BigInt, Bool, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::store::error::OpenError;

/// The tables of organisations, each after those that its foreign keys refer to.
const TABLES: [&str; 12] = [
    "organisations",
    "campaigns",
    "promotion_codes",
    "promotions",
    "redemptions",
    "api_keys",
    "event_feeds",
    "events",
    "event_outbox",
    "webhook_endpoints",
    "failed_link_budgets",
    "customer_locks",
];

/// Why tables can't be distributed.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    #[error("SQLite is one file: tables can be distributed only in PostgreSQL with the extension Citus")]
    Sqlite,
    #[error(
        "the database does not have the extension Citus: install it on all servers, and run `CREATE EXTENSION citus` in the \
         database of each"
    )]
    NoCitus,
    #[error("the URL leads to a worker: tables are changed through the coordinator")]
    NotCoordinator,
    #[error(
        "some tables are distributed and others are not: stop the servers, and run `promolink migrate --distribute`"
    )]
    Partial,
    #[error(
        "the cluster has no worker: add servers with `SELECT citus_set_coordinator_host('HOST', 5432)` and `SELECT \
         citus_add_node('HOST', 5432)` on the coordinator"
    )]
    NoWorker,
}

/// How many of the tables of organisations are distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    None,
    Some,
    All,
}

/// Finds out how many of the tables of organisations are distributed.
pub async fn extent(connection: &mut AsyncPgConnection) -> QueryResult<Extent> {
    if !has_citus(connection).await? {
        return Ok(Extent::None);
    }
    let distributed = sql::<BigInt>(
        "(SELECT count(*) FROM pg_catalog.pg_dist_partition WHERE logicalrelid = ANY (ARRAY(SELECT to_regclass(name) FROM unnest(",
    );
    let distributed = distributed.bind::<Array<Text>, _>(&TABLES[..]).sql(") AS name)))");
    let count: i64 = diesel::select(distributed).get_result(connection).await?;
    Ok(match usize::try_from(count) {
        Ok(0) => Extent::None,
        Ok(count) if count == TABLES.len() => Extent::All,
        _ => Extent::Some,
    })
}

async fn has_citus(connection: &mut AsyncPgConnection) -> QueryResult<bool> {
    diesel::select(sql::<Bool>("to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL")).get_result(connection).await
}

/// Fails on a worker, where tables can't be created or changed. They could even be created there, and then be in the way.
pub async fn ensure_not_on_worker(connection: &mut AsyncPgConnection) -> Result<(), OpenError> {
    if !has_citus(connection).await? {
        return Ok(());
    }
    let is_worker = "EXISTS (SELECT FROM pg_catalog.pg_dist_node) AND NOT pg_catalog.citus_is_coordinator()";
    if diesel::select(sql::<Bool>(is_worker)).get_result(connection).await? {
        return Err(DistributionError::NotCoordinator.into());
    }
    Ok(())
}

async fn is_table_distributed(connection: &mut AsyncPgConnection, table: &str) -> QueryResult<bool> {
    let exists = sql::<Bool>("EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass(");
    diesel::select(exists.bind::<Text, _>(table).sql("))")).get_result(connection).await
}

/// Where the rows of a distributed database are, and where a connection leads.
#[derive(Debug, Clone, Copy)]
pub struct Distribution {
    is_coordinator: bool,
    servers: i64,
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connected_to = if self.is_coordinator { "the coordinator" } else { "a worker" };
        write!(f, "over {} servers, connected to {connected_to}", self.servers)
    }
}

/// Finds out how the tables are distributed.
pub async fn distribution(connection: &mut AsyncPgConnection) -> QueryResult<Distribution> {
    let nodes = "(SELECT count(*) FROM pg_catalog.pg_dist_node \
                 WHERE isactive AND shouldhaveshards AND noderole = 'primary')";
    let query = diesel::select((sql::<Bool>("pg_catalog.citus_is_coordinator()"), sql::<BigInt>(nodes)));
    let (is_coordinator, servers) = query.get_result(connection).await?;
    Ok(Distribution { is_coordinator, servers })
}

/// Distributes the tables that are not distributed yet, one by one, and reports the name of each before. The organisations'
/// rows are where their other rows are.
pub async fn distribute(connection: &mut AsyncPgConnection, mut report: impl FnMut(&str)) -> Result<(), OpenError> {
    if !has_citus(connection).await? {
        return Err(DistributionError::NoCitus.into());
    }
    ensure_not_on_worker(connection).await?;
    if distribution(connection).await?.servers == 0 {
        return Err(DistributionError::NoWorker.into());
    }
    for table in TABLES {
        if is_table_distributed(connection, table).await? {
            continue;
        }
        report(table);
        let colocate_with = if table == TABLES[0] { "none" } else { TABLES[0] };
        connection
            .batch_execute(&format!(
                "SELECT create_distributed_table('{table}', 'org_id', colocate_with => '{colocate_with}')"
            ))
            .await?;
    }
    // Each server reads it to find out whether the tables are up to date.
    let journal = "__diesel_schema_migrations";
    if !is_table_distributed(connection, journal).await? {
        connection.batch_execute(&format!("SELECT create_reference_table('{journal}')")).await?;
    }
    // Citus copies functions to the workers by itself only if it was installed when they were created.
    connection.batch_execute("SELECT create_distributed_function('next_event_number()')").await?;
    // The rows are still on the coordinator as well, invisibly.
    for table in TABLES {
        connection.batch_execute(&format!("SELECT truncate_local_data_after_distributing_table('{table}')")).await?;
    }
    Ok(())
}

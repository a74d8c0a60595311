//! Giving events their positions.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt},
};

use crate::store::sql::SqlFile;

/// Makes the feeds of organisations that have none yet.
#[derive(Debug, QueryId)]
pub struct InsertFeeds(pub Vec<i64>);

impl QueryFragment<Pg> for InsertFeeds {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/insert_feeds.sql"), out);
        sql.bind::<Array<BigInt>, _>("orgs", &self.0)?;
        sql.finish()
    }
}

/// Locks the feeds of organisations with events in the outbox until the end of the transaction. Returns those that it locked.
#[derive(Debug, QueryId)]
pub struct LockFeeds(pub Vec<i64>);

impl QueryFragment<Pg> for LockFeeds {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/lock_feeds.sql"), out);
        sql.bind::<Array<BigInt>, _>("orgs", &self.0)?;
        sql.finish()
    }
}

impl Query for LockFeeds {
    type SqlType = BigInt;
}

/// Gives the oldest events in the outbox of each of these organisations their positions, at most `limit` each. Their feeds
/// must be locked. Returns the number of events of each organisation, and the age of the oldest one in milliseconds.
#[derive(Debug, QueryId)]
pub struct NumberEvents {
    pub orgs: Vec<i64>,
    pub limit: i64,
}

impl QueryFragment<Pg> for NumberEvents {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/number_events.sql"), out);
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs)?;
        sql.bind::<BigInt, _>("limit", &self.limit)?;
        sql.finish()
    }
}

impl Query for NumberEvents {
    type SqlType = (BigInt, BigInt, BigInt);
}

/// Finds organisations that have events in the outbox.
#[derive(Debug, QueryId)]
pub struct OutboxOrgs {
    pub limit: i64,
}

impl QueryFragment<Pg> for OutboxOrgs {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/outbox_orgs.sql"), out);
        sql.bind::<BigInt, _>("limit", &self.limit)?;
        sql.finish()
    }
}

impl Query for OutboxOrgs {
    type SqlType = BigInt;
}

//! Giving events their positions.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::BigInt,
};

use crate::store::sql::SqlFile;

/// Makes the feed of an organisation if it has none yet.
#[derive(Debug, QueryId)]
pub struct InsertFeed(pub i64);

impl QueryFragment<Pg> for InsertFeed {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/insert_feed.sql"), out);
        for _ in 0..3 {
            sql.bind::<BigInt, _>("org", &self.0)?;
        }
        sql.finish()
    }
}

/// Locks the feed of an organisation with events in the outbox until the end of the transaction. Returns the organisation,
/// or nothing if the feed was not locked.
#[derive(Debug, QueryId)]
pub struct LockFeed(pub i64);

impl QueryFragment<Pg> for LockFeed {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/lock_feed.sql"), out);
        for _ in 0..2 {
            sql.bind::<BigInt, _>("org", &self.0)?;
        }
        sql.finish()
    }
}

impl Query for LockFeed {
    type SqlType = BigInt;
}

/// Gives the oldest events in the outbox of an organisation their positions, at most `limit`. Its feed must be locked.
/// Returns the number of events, and when the oldest one occurred.
#[derive(Debug, QueryId)]
pub struct NumberEvents {
    pub org: i64,
    pub limit: i64,
}

impl QueryFragment<Pg> for NumberEvents {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/number_events.sql"), out);
        for _ in 0..2 {
            sql.bind::<BigInt, _>("org", &self.org)?;
        }
        sql.bind::<BigInt, _>("limit", &self.limit)?;
        for _ in 0..3 {
            sql.bind::<BigInt, _>("org", &self.org)?;
        }
        sql.finish()
    }
}

impl Query for NumberEvents {
    type SqlType = (BigInt, BigInt);
}

/// Finds organisations that have events in the outbox.
#[derive(Debug)]
pub struct OutboxOrgs {
    pub limit: i64,
    pub is_distributed: bool,
}

impl QueryId for OutboxOrgs {
    type QueryId = ();
    // The text depends on whether the tables are distributed.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for OutboxOrgs {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let text = if self.is_distributed {
            include_str!("../../sql/outbox_orgs_distributed.sql")
        } else {
            include_str!("../../sql/outbox_orgs.sql")
        };
        let mut sql = SqlFile::new(text, out);
        sql.bind::<BigInt, _>("limit", &self.limit)?;
        sql.finish()
    }
}

impl Query for OutboxOrgs {
    type SqlType = BigInt;
}

//! The beginning and end of a transaction as prepared statements, so that they can be pipelined with others.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
};

/// Begins a transaction.
#[derive(Debug, QueryId)]
pub struct Begin;

impl QueryFragment<Pg> for Begin {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("BEGIN");
        Ok(())
    }
}

/// Limits how long the transaction waits for locks. In a distributed database, the session's limit does not apply to the other
/// servers.
pub const LIMIT_LOCK_WAITS: &str = "SET LOCAL lock_timeout = '500ms'";

/// [`LIMIT_LOCK_WAITS`] as a prepared statement.
#[derive(Debug, QueryId)]
pub struct LimitLockWaits;

impl QueryFragment<Pg> for LimitLockWaits {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(LIMIT_LOCK_WAITS);
        Ok(())
    }
}

/// Commits a transaction. PostgreSQL rolls it back instead if a statement in it has failed.
#[derive(Debug, QueryId)]
pub struct Commit;

impl QueryFragment<Pg> for Commit {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("COMMIT");
        Ok(())
    }
}

/// Rolls a transaction back.
#[derive(Debug, QueryId)]
pub struct Rollback;

impl QueryFragment<Pg> for Rollback {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("ROLLBACK");
        Ok(())
    }
}

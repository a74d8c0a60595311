//! The budgets of failed links that servers share.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Text},
};

use super::query_id;
use crate::{
    auth::Spent,
    promotions::{OrgId, Timestamp},
    store::sql::SqlFile,
};

query_id!(SpendBudget);

/// Spends some of a budget. Returns when it will be full again.
#[derive(Debug)]
pub struct SpendBudget<'a> {
    org: i64,
    budget: &'a str,
    millis: i64,
    now: i64,
    /// When it will be full again if it is full now.
    refilled_on: i64,
}

impl<'a> SpendBudget<'a> {
    pub fn new(org: OrgId, spent: &'a Spent, now: Timestamp) -> Self {
        let (millis, now) = (spent.millis, now.millis());
        Self { org: org.get(), budget: &spent.budget, millis, now, refilled_on: now.saturating_add(millis) }
    }
}

impl QueryFragment<Pg> for SpendBudget<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/spend_budget.sql"), out);
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<Text, _>("budget", self.budget)?;
        sql.bind::<BigInt, _>("refilled_on", &self.refilled_on)?;
        sql.bind::<BigInt, _>("now", &self.now)?;
        sql.bind::<BigInt, _>("millis", &self.millis)?;
        sql.finish()
    }
}

impl Query for SpendBudget<'_> {
    type SqlType = (Text, BigInt);
}

/// Removes budgets that are full.
#[derive(Debug, QueryId)]
pub struct RemoveFullBudgets {
    pub now: i64,
}

impl QueryFragment<Pg> for RemoveFullBudgets {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("DELETE FROM failed_link_budgets WHERE refilled_on <= ");
        out.push_bind_param::<BigInt, _>(&self.now)
    }
}

//! The budgets of failed links that servers share.

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Text},
};

use super::query_id;
use crate::{
    auth::Spent,
    promotions::{OrgId, Timestamp},
    store::sql::SqlFile,
};

query_id!(SpendBudgets);

/// Spends some of budgets. Returns when each will be full again.
#[derive(Debug)]
pub struct SpendBudgets<'a> {
    org: i64,
    budgets: Vec<&'a str>,
    millis: Vec<i64>,
    now: i64,
}

impl<'a> SpendBudgets<'a> {
    pub fn new(org: OrgId, spent: &'a [Spent], now: Timestamp) -> Self {
        Self {
            org: org.get(),
            budgets: spent.iter().map(|spent| spent.budget.as_str()).collect(),
            millis: spent.iter().map(|spent| spent.millis).collect(),
            now: now.millis(),
        }
    }
}

impl QueryFragment<Pg> for SpendBudgets<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/spend_budgets.sql"), out);
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<BigInt, _>("now", &self.now)?;
        sql.bind::<Array<Text>, _>("budgets", &self.budgets)?;
        sql.bind::<Array<BigInt>, _>("millis", &self.millis)?;
        sql.bind::<BigInt, _>("now", &self.now)?;
        sql.bind::<BigInt, _>("now", &self.now)?;
        sql.finish()
    }
}

impl Query for SpendBudgets<'_> {
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

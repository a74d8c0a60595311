//! Locks of customers.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Array, BigInt},
};

use super::Orgs;
use crate::{
    promotions::{CampaignId, CustomerId, OrgId},
    store::sql::SqlFile,
};

/// What customers hold of campaigns, by organisation.
pub type LimitedCustomers = BTreeMap<OrgId, BTreeSet<(CampaignId, CustomerId)>>;

/// Locks what customers hold of campaigns until the end of the transaction: there may be no row of it yet.
///
/// Each row of `customer_locks` stands for some customers. They wait for each other, and nothing worse, and the rows are few.
#[derive(Debug)]
pub struct LockCustomers {
    orgs: Orgs,
    numbers: Vec<i64>,
}

impl QueryId for LockCustomers {
    type QueryId = ();
    // The text depends on whether the tables are distributed.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl LockCustomers {
    pub fn new(customers: &LimitedCustomers, is_distributed: bool) -> Self {
        // In ascending order, so that two transactions can't deadlock.
        let (orgs, numbers) = locks(customers).collect::<BTreeSet<_>>().into_iter().unzip();
        Self { orgs: Orgs::new(orgs, is_distributed), numbers }
    }
}

/// The same locks as servers of earlier versions take them: they have no rows, and no organisation. Servers of both versions
/// may run side by side.
#[derive(Debug, QueryId)]
pub struct AdvisoryLocks(Vec<i64>);

impl AdvisoryLocks {
    pub fn new(customers: &LimitedCustomers) -> Self {
        // In ascending order, as earlier versions take them.
        Self(locks(customers).map(|(_, number)| number).collect::<BTreeSet<_>>().into_iter().collect())
    }
}

impl QueryFragment<Pg> for AdvisoryLocks {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT pg_advisory_xact_lock(number) FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.0)?;
        out.push_sql(") AS number");
        Ok(())
    }
}

/// The locks of customers: the organisation, and the number.
fn locks(customers: &LimitedCustomers) -> impl Iterator<Item = (i64, i64)> {
    customers.iter().flat_map(|(org, customers)| {
        customers.iter().map(|(campaign, customer)| (org.get(), lock_number(*org, *campaign, *customer)))
    })
}

/// The most locks of an organisation.
const MAX_LOCKS: u64 = 2048;

/// The lock number of a customer and campaign. Must be the same in every process and version.
fn lock_number(org: OrgId, campaign: CampaignId, customer: CustomerId) -> i64 {
    // Multiplying by the golden ratio's bits spreads neighbouring ids (Knuth, TAOCP 6.4).
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (high, low) = campaign.get().as_u64_pair();
    let of_campaign = (high ^ low ^ org.get().cast_unsigned()).wrapping_mul(SPREAD);
    let mixed = (of_campaign ^ customer.get().cast_unsigned()).wrapping_mul(SPREAD);
    // Negative, unlike the advisory locks of organisations in earlier versions.
    -1 - (mixed >> 32).wrapping_rem(MAX_LOCKS).cast_signed()
}

impl QueryFragment<Pg> for LockCustomers {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/lock_customers.sql"), out);
        self.orgs.push_column(&mut sql, "customer.org_id")?;
        self.orgs.push_place(&mut sql)?;
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs.all)?;
        sql.bind::<Array<BigInt>, _>("numbers", &self.numbers)?;
        sql.finish()
    }
}

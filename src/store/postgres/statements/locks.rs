//! Locks of customers.

use std::collections::BTreeSet;

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{Array, BigInt},
};

use crate::{
    promotions::{CampaignId, CustomerId, OrgId},
    store::sql::SqlFile,
};

/// Locks what customers of an organisation hold of campaigns until the end of the transaction: there may be no row of it yet.
///
/// Each row of `customer_locks` stands for some customers. They wait for each other, and nothing worse, and the rows are few.
#[derive(Debug, QueryId)]
pub struct LockCustomers {
    org: i64,
    /// In ascending order, so that two transactions can't deadlock.
    numbers: Vec<i64>,
}

impl LockCustomers {
    pub fn new(org: OrgId, customers: &BTreeSet<(CampaignId, CustomerId)>) -> Self {
        let number = |(campaign, customer): &(CampaignId, CustomerId)| lock_number(org, *campaign, *customer);
        let numbers: BTreeSet<i64> = customers.iter().map(number).collect();
        Self { org: org.get(), numbers: numbers.into_iter().collect() }
    }
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
    // Negative, as the advisory locks that servers of earlier versions take: see lock_customers.sql.
    -1 - (mixed >> 32).wrapping_rem(MAX_LOCKS).cast_signed()
}

impl QueryFragment<Pg> for LockCustomers {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/lock_customers.sql"), out);
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<Array<BigInt>, _>("numbers", &self.numbers)?;
        sql.finish()
    }
}

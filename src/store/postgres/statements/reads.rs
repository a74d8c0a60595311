//! What linking locks and reads.

use std::collections::BTreeSet;

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Nullable, SmallInt, Text},
};

use super::{CodeKeys, query_id};
use crate::{
    promotions::{CodeKey, LinkRequest, OrgId},
    store::{
        rows::{HeldKey, HoldColumns, Id},
        schema::{PublicId, campaigns, promotion_codes},
    },
};

query_id!(ReadHolds);

/// Locks codes against other links and reads them, as they are under the lock, with their campaigns. One row per code
/// that exists. If another transaction has locked a code, or its campaign, `SKIP` leaves the columns of that one NULL;
/// otherwise the statement waits, for the codes in the order of their keys.
///
/// The campaigns are kept as they are: a limit that is set while links are under way waits for them, and counts them.
#[derive(Debug)]
pub struct LockCodes<'a, const SKIP: bool>(CodeKeys<'a>);

impl<const SKIP: bool> QueryId for LockCodes<'_, SKIP> {
    type QueryId = LockCodes<'static, SKIP>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<'a, const SKIP: bool> LockCodes<'a, SKIP> {
    pub fn new(keys: BTreeSet<&'a CodeKey>) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl<const SKIP: bool> QueryFragment<Pg> for LockCodes<'_, SKIP> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let or_skip = if SKIP { " SKIP LOCKED" } else { "" };
        out.push_sql(
            "SELECT k.org_id, k.mode, k.folded, c.org_id, c.mode, c.folded, c.code, c.campaign_id, c.created_on, \
             c.revoked_on, c.max_links, c.link_count, p.org_id, p.id, p.name, p.mode, p.active, p.created_on, \
             p.redeemable_from, p.valid_till, p.valid_for_days, p.max_links_per_customer, p.max_redemptions_per_link \
             FROM unnest(",
        );
        self.0.bind(&mut out)?;
        // Once without a lock: a code that is locked exists. A lateral query that locks, or has a limit, runs once for
        // each key, in their order. Not FOR UPDATE: no key changes, so rows that refer to the code need not wait.
        out.push_sql(
            ") AS wanted (org_id, mode, folded) \
             CROSS JOIN LATERAL (SELECT k.org_id, k.mode, k.folded FROM promotion_codes k WHERE k.org_id = wanted.org_id \
             AND k.mode = wanted.mode AND k.folded = wanted.folded LIMIT 1) k \
             LEFT JOIN LATERAL (SELECT * FROM promotion_codes c WHERE c.org_id = k.org_id AND c.mode = k.mode \
             AND c.folded = k.folded FOR NO KEY UPDATE",
        );
        out.push_sql(or_skip);
        out.push_sql(
            ") c ON true \
             LEFT JOIN LATERAL (SELECT * FROM campaigns p WHERE p.org_id = c.org_id AND p.id = c.campaign_id \
             FOR KEY SHARE",
        );
        out.push_sql(or_skip);
        out.push_sql(") p ON true");
        Ok(())
    }
}

impl<const SKIP: bool> Query for LockCodes<'_, SKIP> {
    type SqlType = (BigInt, SmallInt, Text, Nullable<promotion_codes::SqlType>, Nullable<campaigns::SqlType>);
}

/// Reads the holds that the asking customers have on the codes they ask for.
#[derive(Debug)]
pub struct ReadHolds<'a> {
    codes: CodeKeys<'a>,
    customers: Vec<i64>,
}

impl<'a> ReadHolds<'a> {
    pub fn new(requests: &'a [LinkRequest]) -> Self {
        Self {
            codes: requests.iter().map(|request| &request.key).collect(),
            customers: requests.iter().map(|request| request.customer_id.get()).collect(),
        }
    }
}

impl QueryFragment<Pg> for ReadHolds<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "SELECT p.org_id, p.mode, p.folded, p.customer_id, p.id, p.created_on, p.redemption_count FROM unnest(",
        );
        self.codes.bind(&mut out)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.customers)?;
        out.push_sql(
            ") AS asked (org_id, mode, folded, customer_id) \
             CROSS JOIN LATERAL (SELECT * FROM promotions p WHERE p.org_id = asked.org_id AND p.mode = asked.mode \
             AND p.folded = asked.folded AND p.customer_id = asked.customer_id AND p.unlinked_on IS NULL LIMIT 1) p",
        );
        Ok(())
    }
}

impl Query for ReadHolds<'_> {
    type SqlType = HoldColumns;
}

/// Takes advisory locks, in one order, until the end of the transaction: for what may have no row to lock yet. Two
/// things that share a number only wait for each other.
#[derive(Debug, QueryId)]
pub struct AdvisoryLocks(Vec<i64>);

impl AdvisoryLocks {
    /// Locks what customers hold of campaigns.
    pub fn customers(customers: &BTreeSet<HeldKey>) -> Self {
        let locks: BTreeSet<i64> = customers.iter().map(lock_number).collect();
        Self(locks.into_iter().collect())
    }

    /// Locks an organisation.
    pub fn organisation(org: OrgId) -> Self {
        Self(vec![org.get()])
    }
}

/// So many locks at most does one transaction take, of the some thousands that the server has room for.
const LOCKS: u64 = 2048;

/// The same in every process and version, as it must be. Customers that share a number only wait for each other.
fn lock_number((org, campaign, customer): &HeldKey) -> i64 {
    // Multiplying by the golden ratio's bits spreads neighbouring ids (Knuth, TAOCP 6.4).
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (high, low) = campaign.get().as_u64_pair();
    let of_campaign = (high ^ low ^ org.get().cast_unsigned()).wrapping_mul(SPREAD);
    let mixed = (of_campaign ^ customer.get().cast_unsigned()).wrapping_mul(SPREAD);
    // Below zero, where no organisation's number is.
    -1 - (mixed >> 32).wrapping_rem(LOCKS).cast_signed()
}

impl QueryFragment<Pg> for AdvisoryLocks {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT pg_advisory_xact_lock(number) FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.0)?;
        out.push_sql(") AS number");
        Ok(())
    }
}

/// Counts how many codes of a campaign customers hold, or have used up.
#[derive(Debug, QueryId)]
pub struct CountHeld {
    orgs: Vec<i64>,
    campaigns: Vec<Id>,
    customers: Vec<i64>,
}

impl CountHeld {
    pub fn new(held: &BTreeSet<HeldKey>) -> Self {
        Self {
            orgs: held.iter().map(|(org, ..)| org.get()).collect(),
            campaigns: held.iter().map(|(_, campaign, _)| Id(campaign.get())).collect(),
            customers: held.iter().map(|(.., customer)| customer.get()).collect(),
        }
    }
}

impl QueryFragment<Pg> for CountHeld {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT asked.org_id, asked.campaign_id, asked.customer_id, p.held FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.orgs)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<PublicId>, _>(&self.campaigns)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.customers)?;
        out.push_sql(
            ") AS asked (org_id, campaign_id, customer_id) \
             CROSS JOIN LATERAL (SELECT count(*) AS held FROM promotions p WHERE p.org_id = asked.org_id \
             AND p.customer_id = asked.customer_id AND p.campaign_id = asked.campaign_id \
             AND (p.unlinked_on IS NULL OR p.redemption_count > 0)) p",
        );
        Ok(())
    }
}

impl Query for CountHeld {
    type SqlType = (BigInt, PublicId, BigInt, BigInt);
}

//! What linking locks and reads, and what checks of links read.

use std::{collections::BTreeSet, sync::LazyLock};

use diesel::{
    dsl::AsSelect,
    expression::Expression,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Nullable, SmallInt, Text},
};

use super::{CodeKeys, column_list, query_id};
use crate::{
    promotions::{CodeKey, LinkKey, LinkRequest, OrgId},
    store::{
        promotion_conditions::COUNTS,
        rows::{CampaignRow, CodeRow, HeldKey, HoldRow, Id},
        schema::PublicId,
        sql::SqlFile,
    },
};

query_id!(ReadHolds);

/// The SQL types of the columns that a row reads.
type ColumnsOf<Row> = <<Row as Selectable<Pg>>::SelectExpression as Expression>::SqlType;

/// How [`ReadCodes`] locks: not at all.
pub const UNLOCKED: u8 = 0;
/// It waits for codes that are locked.
pub const LOCKED: u8 = 1;
/// It skips codes that are locked.
pub const LOCKED_OR_SKIPPED: u8 = 2;

/// Reads codes with their campaigns, and locks them.
#[derive(Debug)]
pub struct ReadCodes<'a, const LOCK: u8>(CodeKeys<'a>);

impl<const LOCK: u8> QueryId for ReadCodes<'_, LOCK> {
    type QueryId = ReadCodes<'static, LOCK>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<'a, const LOCK: u8> ReadCodes<'a, LOCK> {
    pub fn new(keys: BTreeSet<&'a CodeKey>) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl<const LOCK: u8> QueryFragment<Pg> for ReadCodes<'_, LOCK> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        static COLUMNS: LazyLock<String> =
            LazyLock::new(|| column_list(&(CodeRow::as_select(), CampaignRow::as_select())));
        let (code_lock, campaign_lock) = match LOCK {
            UNLOCKED => ("", ""),
            LOCKED => ("FOR NO KEY UPDATE", "FOR KEY SHARE"),
            _ => ("FOR NO KEY UPDATE SKIP LOCKED", "FOR KEY SHARE SKIP LOCKED"),
        };
        let mut sql = SqlFile::new(include_str!("../../sql/read_codes.sql"), out);
        sql.insert_text("columns", &COLUMNS)?;
        sql.insert("codes", &self.0)?;
        sql.insert_text("code_lock", code_lock)?;
        sql.insert_text("campaign_lock", campaign_lock)?;
        sql.finish()
    }
}

impl<const LOCK: u8> Query for ReadCodes<'_, LOCK> {
    type SqlType = (BigInt, SmallInt, Text, Nullable<ColumnsOf<CodeRow>>, Nullable<ColumnsOf<CampaignRow>>);
}

/// Reads the holds that the customers of a batch have on the codes that they ask for.
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

    /// The holds of an organisation with these keys.
    pub fn of(org: OrgId, keys: &'a [LinkKey]) -> Self {
        Self {
            codes: keys.iter().map(|(mode, folded, _)| (org, *mode, folded)).collect(),
            customers: keys.iter().map(|(.., customer)| customer.get()).collect(),
        }
    }
}

impl QueryFragment<Pg> for ReadHolds<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        static COLUMNS: LazyLock<String> = LazyLock::new(|| column_list(&HoldRow::as_select()));
        let mut sql = SqlFile::new(include_str!("../../sql/read_holds.sql"), out);
        sql.insert_text("columns", &COLUMNS)?;
        sql.insert("codes", &self.codes)?;
        sql.bind::<Array<BigInt>, _>("customers", &self.customers)?;
        sql.finish()
    }
}

impl Query for ReadHolds<'_> {
    type SqlType = <AsSelect<HoldRow, Pg> as Expression>::SqlType;
}

/// Takes advisory locks, in ascending order, until the end of the transaction: for what may not have a row to lock yet.
/// Two things that share a number wait for each other, and nothing worse.
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

/// The most locks that one transaction takes. PostgreSQL has room for several thousands.
const MAX_LOCKS: u64 = 2048;

/// The lock number of a customer and campaign. Must be the same in every process and version.
fn lock_number((org, campaign, customer): &HeldKey) -> i64 {
    // Multiplying by the golden ratio's bits spreads neighbouring ids (Knuth, TAOCP 6.4).
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (high, low) = campaign.get().as_u64_pair();
    let of_campaign = (high ^ low ^ org.get().cast_unsigned()).wrapping_mul(SPREAD);
    let mixed = (of_campaign ^ customer.get().cast_unsigned()).wrapping_mul(SPREAD);
    // Negative, unlike the numbers of organisations.
    -1 - (mixed >> 32).wrapping_rem(MAX_LOCKS).cast_signed()
}

impl QueryFragment<Pg> for AdvisoryLocks {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT pg_advisory_xact_lock(number) FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.0)?;
        out.push_sql(") AS number");
        Ok(())
    }
}

/// Counts the codes of a campaign that customers hold or have used.
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
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/count_held.sql"), out);
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs)?;
        sql.bind::<Array<PublicId>, _>("campaigns", &self.campaigns)?;
        sql.bind::<Array<BigInt>, _>("customers", &self.customers)?;
        sql.insert_text("counts", COUNTS)?;
        sql.finish()
    }
}

impl Query for CountHeld {
    type SqlType = (BigInt, PublicId, BigInt, BigInt);
}

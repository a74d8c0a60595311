//! What linking locks and reads, and what checks of links read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use diesel::{
    dsl::AsSelect,
    expression::Expression,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text},
};

use super::{CodeKeys, column_list, query_id};
use crate::{
    promotions::{CampaignId, CustomerId, FoldedCode, LinkRequest, OnLocked, OrgId, PromotionMode},
    store::{
        promotion_conditions::COUNTS,
        rows::{CampaignRow, CodeRow, HoldRow, Id},
        schema::PublicId,
        sql::SqlFile,
    },
};

query_id!(ReadHolds);

/// The SQL types of the columns that a row reads.
type ColumnsOf<Row> = <<Row as Selectable<Pg>>::SelectExpression as Expression>::SqlType;

/// Locks codes of an organisation, and reads them with their campaigns and the holds of the customers who ask for them.
#[derive(Debug)]
pub struct ReadCodes<'a> {
    org: i64,
    codes: CodeKeys<'a>,
    /// The customers of each code, in PostgreSQL's notation of an array.
    customers: Vec<String>,
    lock: Option<OnLocked>,
}

impl<'a> ReadCodes<'a> {
    /// Without `lock`, nothing is locked.
    pub fn new(org: OrgId, requests: &[&'a LinkRequest], lock: Option<OnLocked>) -> Self {
        let mut by_code: BTreeMap<_, String> = BTreeMap::new();
        for request in requests {
            let customers = by_code.entry((request.key.mode, &request.key.folded)).or_default();
            customers.push(if customers.is_empty() { '{' } else { ',' });
            customers.push_str(&request.customer_id.get().to_string());
        }
        let codes = by_code.keys().copied().collect();
        let customers = by_code.into_values().map(|customers| customers + "}").collect();
        Self { org: org.get(), codes, customers, lock }
    }
}

impl QueryId for ReadCodes<'_> {
    type QueryId = ();
    // The text depends on the lock.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for ReadCodes<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        static COLUMNS: LazyLock<String> =
            LazyLock::new(|| column_list(&(CodeRow::as_select(), CampaignRow::as_select())));
        let (code_lock, campaign_lock) = match self.lock {
            None => ("", ""),
            Some(OnLocked::Wait) => ("FOR NO KEY UPDATE", "FOR KEY SHARE"),
            Some(OnLocked::Skip) => ("FOR NO KEY UPDATE SKIP LOCKED", "FOR KEY SHARE SKIP LOCKED"),
        };
        let mut sql = SqlFile::new(include_str!("../../sql/read_codes.sql"), out);
        sql.insert_text("columns", &COLUMNS)?;
        sql.insert("codes", &self.codes)?;
        sql.bind::<Array<Text>, _>("customers", &self.customers)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.insert_text("code_lock", code_lock)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.insert_text("campaign_lock", campaign_lock)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.finish()
    }
}

impl Query for ReadCodes<'_> {
    type SqlType = (
        SmallInt,
        Text,
        Nullable<Bool>,
        Nullable<ColumnsOf<CodeRow>>,
        Nullable<ColumnsOf<CampaignRow>>,
        Nullable<Array<BigInt>>,
        Nullable<Array<PublicId>>,
        Nullable<Array<BigInt>>,
        Nullable<Array<Integer>>,
    );
}

/// Reads the holds that customers of an organisation have on the codes that they ask for.
#[derive(Debug)]
pub struct ReadHolds<'a> {
    org: i64,
    codes: CodeKeys<'a>,
    customers: Vec<i64>,
}

impl<'a> ReadHolds<'a> {
    pub fn new(org: OrgId, keys: impl Iterator<Item = (PromotionMode, &'a FoldedCode, CustomerId)>) -> Self {
        let (codes, customers): (Vec<_>, _) =
            keys.map(|(mode, folded, customer)| ((mode, folded), customer.get())).unzip();
        Self { org: org.get(), codes: codes.into_iter().collect(), customers }
    }
}

impl QueryFragment<Pg> for ReadHolds<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        static COLUMNS: LazyLock<String> = LazyLock::new(|| column_list(&HoldRow::as_select()));
        let mut sql = SqlFile::new(include_str!("../../sql/read_holds.sql"), out);
        sql.insert_text("columns", &COLUMNS)?;
        sql.insert("codes", &self.codes)?;
        sql.bind::<Array<BigInt>, _>("customers", &self.customers)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.finish()
    }
}

impl Query for ReadHolds<'_> {
    type SqlType = <AsSelect<HoldRow, Pg> as Expression>::SqlType;
}

/// Counts the codes of campaigns that customers of an organisation hold or have used.
#[derive(Debug, QueryId)]
pub struct CountHeld {
    org: i64,
    campaigns: Vec<Id>,
    customers: Vec<i64>,
}

impl CountHeld {
    pub fn new(org: OrgId, held: &BTreeSet<(CampaignId, CustomerId)>) -> Self {
        Self {
            org: org.get(),
            campaigns: held.iter().map(|(campaign, _)| Id(campaign.get())).collect(),
            customers: held.iter().map(|(_, customer)| customer.get()).collect(),
        }
    }
}

impl QueryFragment<Pg> for CountHeld {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/count_held.sql"), out);
        sql.bind::<Array<PublicId>, _>("campaigns", &self.campaigns)?;
        sql.bind::<Array<BigInt>, _>("customers", &self.customers)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.insert_text("counts", COUNTS)?;
        sql.finish()
    }
}

impl Query for CountHeld {
    type SqlType = (PublicId, BigInt, BigInt);
}

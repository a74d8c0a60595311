//! What linking and importing write.

use std::collections::BTreeMap;

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text},
};

use super::{CodeKeys, Orgs, query_id};
use crate::{
    promotions::{FoldedCode, NewCode, NewCodes, Promotion, PromotionMode, Timestamp},
    store::{
        rows::{Id, count_to_db, mode_to_db},
        schema::PublicId,
        sql::SqlFile,
    },
};

query_id!(InsertCodes);

/// Inserts the promotions of a batch.
#[derive(Debug)]
pub struct InsertPromotions<'a> {
    orgs: Orgs,
    codes: CodeKeys<'a>,
    ids: Vec<Id>,
    campaigns: Vec<Id>,
    customers: Vec<i64>,
    created_on: Vec<i64>,
}

impl QueryId for InsertPromotions<'_> {
    type QueryId = ();
    // The text depends on whether the tables are distributed.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<'a> InsertPromotions<'a> {
    pub fn new(promotions: &[&'a Promotion], is_distributed: bool) -> Self {
        let orgs = promotions.iter().map(|promotion| promotion.campaign.org.get()).collect();
        Self {
            orgs: Orgs::new(orgs, is_distributed),
            codes: promotions.iter().map(|promotion| code_of(promotion)).collect(),
            ids: promotions.iter().map(|promotion| Id(promotion.id.get())).collect(),
            campaigns: promotions.iter().map(|promotion| Id(promotion.campaign.id.get())).collect(),
            customers: promotions.iter().map(|promotion| promotion.customer_id.get()).collect(),
            created_on: promotions.iter().map(|promotion| promotion.created_on.millis()).collect(),
        }
    }
}

fn code_of(promotion: &Promotion) -> (PromotionMode, &FoldedCode) {
    (promotion.campaign.mode, promotion.code.folded())
}

impl QueryFragment<Pg> for InsertPromotions<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/insert_promotions.sql"), out);
        self.orgs.push_column(&mut sql, "new.org_id")?;
        self.orgs.push_place(&mut sql)?;
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs.all)?;
        sql.insert("codes", &self.codes)?;
        sql.bind::<Array<PublicId>, _>("ids", &self.ids)?;
        sql.bind::<Array<PublicId>, _>("campaigns", &self.campaigns)?;
        sql.bind::<Array<BigInt>, _>("customers", &self.customers)?;
        sql.bind::<Array<BigInt>, _>("created_on", &self.created_on)?;
        sql.finish()
    }
}

/// Adds new promotions to the link counts of their codes.
#[derive(Debug)]
pub struct CountLinks<'a> {
    /// The only organisation, in a distributed database.
    only: Option<i64>,
    orgs: Vec<i64>,
    codes: CodeKeys<'a>,
    times: Vec<i32>,
}

impl QueryId for CountLinks<'_> {
    type QueryId = ();
    // The text depends on whether the tables are distributed.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<'a> CountLinks<'a> {
    pub fn new(promotions: &[&'a Promotion], is_distributed: bool) -> Self {
        let mut times = BTreeMap::new();
        for promotion in promotions {
            *times.entry((promotion.campaign.org, code_of(promotion))).or_insert(0) += 1;
        }
        let orgs: Vec<i64> = times.keys().map(|(org, _)| org.get()).collect();
        let only = if is_distributed { orgs.first().copied() } else { None };
        Self { only, orgs, codes: times.keys().map(|(_, code)| *code).collect(), times: times.into_values().collect() }
    }
}

impl QueryFragment<Pg> for CountLinks<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/count_links.sql"), out);
        sql.bind::<Array<BigInt>, _>("orgs", &self.orgs)?;
        sql.insert("codes", &self.codes)?;
        sql.bind::<Array<Integer>, _>("times", &self.times)?;
        match &self.only {
            Some(org) => sql.bind::<BigInt, _>("org", org)?,
            None => sql.insert_text("org", "linked.org_id")?,
        }
        sql.finish()
    }
}

/// Adds codes to a campaign, except existing ones. Returns the folded texts of the new ones.
#[derive(Debug)]
pub struct InsertCodes<'a> {
    org: i64,
    created_on: i64,
    campaign: Id,
    mode: i16,
    /// In ascending order, so that two imports of the same codes can't deadlock.
    folded: Vec<&'a str>,
    texts: Vec<&'a str>,
    max_links: Vec<Option<i32>>,
    revoked_on: Vec<Option<i64>>,
}

impl<'a> InsertCodes<'a> {
    pub fn new(codes: &'a NewCodes) -> Self {
        let mut sorted: Vec<&NewCode> = codes.codes.iter().collect();
        // A stable sort: of two spellings of one code the first is kept, as on SQLite.
        sorted.sort_by_key(|new| new.code.folded());
        Self {
            org: codes.org.get(),
            created_on: codes.created_on.millis(),
            campaign: Id(codes.campaign_id.get()),
            mode: mode_to_db(codes.mode),
            folded: sorted.iter().map(|new| new.code.folded().as_str()).collect(),
            texts: sorted.iter().map(|new| new.code.text()).collect(),
            max_links: sorted.iter().map(|new| new.max_links.map(count_to_db)).collect(),
            revoked_on: sorted.iter().map(|new| codes.revoked_on(new).map(Timestamp::millis)).collect(),
        }
    }
}

impl QueryFragment<Pg> for InsertCodes<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut sql = SqlFile::new(include_str!("../../sql/insert_codes.sql"), out);
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<SmallInt, _>("mode", &self.mode)?;
        sql.bind::<PublicId, _>("campaign", &self.campaign)?;
        sql.bind::<BigInt, _>("created_on", &self.created_on)?;
        sql.bind::<Array<Text>, _>("folded", &self.folded)?;
        sql.bind::<Array<Text>, _>("texts", &self.texts)?;
        sql.bind::<Array<Nullable<Integer>>, _>("max_links", &self.max_links)?;
        sql.bind::<Array<Nullable<BigInt>>, _>("revoked_on", &self.revoked_on)?;
        sql.finish()
    }
}

impl Query for InsertCodes<'_> {
    type SqlType = Text;
}

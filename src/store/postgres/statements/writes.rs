//! What linking and importing write.

use std::collections::BTreeMap;

use diesel::{
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{Array, BigInt, Integer, Nullable, SmallInt, Text},
};

use super::{CodeKeys, query_id};
use crate::{
    promotions::{FoldedCode, NewCode, NewCodes, OrgId, Promotion, PromotionMode, Timestamp},
    store::{
        rows::{Id, count_to_db, mode_to_db},
        schema::PublicId,
    },
};

query_id!(InsertPromotions, CountLinks, InsertCodes);

/// Writes new promotions.
#[derive(Debug)]
pub struct InsertPromotions<'a> {
    codes: CodeKeys<'a>,
    ids: Vec<Id>,
    campaigns: Vec<Id>,
    customers: Vec<i64>,
    created_on: Vec<i64>,
}

impl<'a> InsertPromotions<'a> {
    pub fn new(promotions: &[&'a Promotion]) -> Self {
        Self {
            codes: promotions.iter().map(|promotion| code_of(promotion)).collect(),
            ids: promotions.iter().map(|promotion| Id(promotion.id.get())).collect(),
            campaigns: promotions.iter().map(|promotion| Id(promotion.campaign.id.get())).collect(),
            customers: promotions.iter().map(|promotion| promotion.customer_id.get()).collect(),
            created_on: promotions.iter().map(|promotion| promotion.created_on.millis()).collect(),
        }
    }
}

fn code_of(promotion: &Promotion) -> (OrgId, PromotionMode, &FoldedCode) {
    (promotion.campaign.org, promotion.campaign.mode, promotion.code.folded())
}

impl QueryFragment<Pg> for InsertPromotions<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO promotions (org_id, mode, folded, id, campaign_id, customer_id, created_on) \
             SELECT * FROM unnest(",
        );
        self.codes.bind(&mut out)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<PublicId>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<PublicId>, _>(&self.campaigns)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.customers)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.created_on)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Counts new promotions on their codes; the tables' constraints have the last word.
#[derive(Debug)]
pub struct CountLinks<'a> {
    codes: CodeKeys<'a>,
    times: Vec<i32>,
}

impl<'a> CountLinks<'a> {
    pub fn new(promotions: &[&'a Promotion]) -> Self {
        let mut times = BTreeMap::new();
        for promotion in promotions {
            *times.entry(code_of(promotion)).or_insert(0) += 1;
        }
        let codes = times.keys().copied();
        Self { codes: codes.collect(), times: times.into_values().collect() }
    }
}

impl QueryFragment<Pg> for CountLinks<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE promotion_codes c SET link_count = c.link_count + linked.times FROM unnest(");
        self.codes.bind(&mut out)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Integer>, _>(&self.times)?;
        out.push_sql(
            ") AS linked (org_id, mode, folded, times) \
             WHERE c.org_id = linked.org_id AND c.mode = linked.mode AND c.folded = linked.folded",
        );
        Ok(())
    }
}

/// Adds codes to a campaign, but those that are there. Answers with the folded texts of the new ones.
#[derive(Debug)]
pub struct InsertCodes<'a> {
    org: i64,
    created_on: i64,
    campaign: Id,
    mode: i16,
    /// In order, so that two imports of the same codes wait for each other in one direction.
    folded: Vec<&'a str>,
    texts: Vec<&'a str>,
    max_links: Vec<Option<i32>>,
    revoked_on: Vec<Option<i64>>,
}

impl<'a> InsertCodes<'a> {
    pub fn new(codes: &'a NewCodes) -> Self {
        let mut sorted: Vec<&NewCode> = codes.codes.iter().collect();
        // Of two spellings of one code the first is kept, as on SQLite.
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
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO promotion_codes (org_id, mode, campaign_id, created_on, folded, code, max_links, revoked_on) \
             SELECT ",
        );
        out.push_bind_param::<BigInt, _>(&self.org)?;
        out.push_sql(", ");
        out.push_bind_param::<SmallInt, _>(&self.mode)?;
        out.push_sql(", ");
        out.push_bind_param::<PublicId, _>(&self.campaign)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.created_on)?;
        out.push_sql(", new.* FROM unnest(");
        out.push_bind_param::<Array<Text>, _>(&self.folded)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.texts)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Integer>>, _>(&self.max_links)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.revoked_on)?;
        out.push_sql(") AS new (folded, code, max_links, revoked_on) ON CONFLICT DO NOTHING RETURNING folded");
        Ok(())
    }
}

impl Query for InsertCodes<'_> {
    type SqlType = Text;
}

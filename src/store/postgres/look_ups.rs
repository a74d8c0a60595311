//! What is read by its keys, and on pages: one key, or one parent, after the other.
//!
//! To a planner without statistics, as it is while the first campaign goes out, all that an organisation has may be a row
//! or two. Given an array of keys it then rather reads these than looks for each, and given a join it may begin at
//! either side. A lateral query with a limit has to be run for each value, and what fits it is the index of its whole
//! key.

use diesel::{
    dsl::{AsSelect, auto_type},
    expression::Expression,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{Array, BigInt, HasSqlType, SingleValue, Text},
};

use crate::{
    promotions::{
        CampaignId, CustomerId, FoldedCode, OrgId, Page, PromotionId, PromotionMode, RedemptionId, WalletFilter,
    },
    store::{
        lists,
        parent::Parent,
        rows::{CampaignRow, CodeRow, Id, PromotionRow, RedemptionRow, mode_to_db},
        schema::{PublicId, campaigns, promotion_codes, promotions},
    },
};

/// Runs a query for each of some values, which it knows as [`Parent`]. Answers with the rows of all.
pub struct ForEach<Row: Selectable<Pg>, Value, Query> {
    columns: AsSelect<Row, Pg>,
    values: Vec<Value>,
    query: Query,
}

/// A row that is looked up.
pub trait LookedUp: Selectable<Pg> {
    /// What the query finds, by the name of its table, and what belongs to it.
    const NAMED: &'static str;
}

impl LookedUp for CampaignRow {
    const NAMED: &'static str = "campaigns";
}

impl LookedUp for CodeRow {
    const NAMED: &'static str = "promotion_codes";
}

impl LookedUp for PromotionRow {
    const NAMED: &'static str = "promotions \
        CROSS JOIN LATERAL (SELECT * FROM promotion_codes c WHERE c.org_id = promotions.org_id \
        AND c.mode = promotions.mode AND c.folded = promotions.folded LIMIT 1) AS promotion_codes \
        CROSS JOIN LATERAL (SELECT * FROM campaigns c WHERE c.org_id = promotions.org_id \
        AND c.id = promotions.campaign_id LIMIT 1) AS campaigns";
}

impl LookedUp for RedemptionRow {
    const NAMED: &'static str = "redemptions";
}

impl<Row: LookedUp, Value, Query> ForEach<Row, Value, Query> {
    fn new(values: impl Iterator<Item = Value>, query: Query) -> Self {
        Self { columns: Row::as_select(), values: values.collect(), query }
    }
}

impl<Row: LookedUp + 'static, Value: 'static, Q: QueryId> QueryId for ForEach<Row, Value, Q> {
    type QueryId = ForEach<Row, Value, Q::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Row: LookedUp, Value, Q> Query for ForEach<Row, Value, Q>
where
    AsSelect<Row, Pg>: Expression,
{
    type SqlType = <AsSelect<Row, Pg> as Expression>::SqlType;
}

/// A value that a query can be run for.
trait ForParent {
    type Sql: SingleValue;
}

impl ForParent for Id {
    type Sql = PublicId;
}

impl ForParent for String {
    type Sql = Text;
}

impl ForParent for i64 {
    type Sql = BigInt;
}

impl<Row: LookedUp, Value: ForParent, Q: QueryFragment<Pg>> QueryFragment<Pg> for ForEach<Row, Value, Q>
where
    AsSelect<Row, Pg>: QueryFragment<Pg>,
    Vec<Value>: ToSql<Array<Value::Sql>, Pg>,
    Pg: HasSqlType<Array<Value::Sql>>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM unnest(");
        out.push_bind_param::<Array<Value::Sql>, _>(&self.values)?;
        out.push_sql(") AS parent (value) CROSS JOIN LATERAL (");
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(") AS ");
        out.push_sql(Row::NAMED);
        Ok(())
    }
}

#[auto_type]
fn promotion(org: i64, id: Parent<PublicId>) -> _ {
    promotions::table.filter(promotions::org_id.eq(org)).filter(promotions::id.eq(id)).limit(1_i64)
}

/// The promotions of an organisation with these ids.
pub fn promotions_by_id(org: OrgId, ids: &[PromotionId]) -> ForEach<PromotionRow, Id, promotion> {
    ForEach::new(ids.iter().map(|id| Id(id.get())), promotion(org.get(), Parent::new()))
}

#[auto_type]
fn code(org: i64, mode: i16, folded: Parent<Text>) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::mode.eq(mode))
        .filter(promotion_codes::folded.eq(folded))
        .limit(1_i64)
}

/// The codes of an organisation and mode with these folded texts.
pub fn codes_by_text(org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> ForEach<CodeRow, String, code> {
    ForEach::new(texts(folded), code(org.get(), mode_to_db(mode), Parent::new()))
}

#[auto_type]
fn campaign(org: i64, id: Parent<PublicId>) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(campaigns::id.eq(id)).limit(1_i64)
}

/// The campaigns of an organisation with these ids.
pub fn campaigns_by_id(org: OrgId, ids: &[CampaignId]) -> ForEach<CampaignRow, Id, campaign> {
    ForEach::new(ids.iter().map(|id| Id(id.get())), campaign(org.get(), Parent::new()))
}

/// A page of each campaign's codes.
pub fn codes_of_campaigns(
    org: OrgId,
    campaigns: &[CampaignId],
    page: &Page<FoldedCode>,
) -> ForEach<CodeRow, Id, lists::codes_after> {
    ForEach::new(campaigns.iter().map(|id| Id(id.get())), lists::codes_of_campaign(org, page))
}

/// A page of each code's standing holds.
pub fn holds_of_codes(
    org: OrgId,
    mode: PromotionMode,
    codes: &[FoldedCode],
    page: &Page<CustomerId>,
) -> ForEach<PromotionRow, String, lists::holds_after> {
    ForEach::new(texts(codes), lists::holds_of_code(org, mode, page))
}

/// A page of each customer's promotions.
pub fn wallets(
    org: OrgId,
    customers: &[CustomerId],
    filter: WalletFilter,
    page: &Page<PromotionId>,
) -> ForEach<PromotionRow, i64, lists::wallet_before> {
    ForEach::new(customers.iter().map(|customer| customer.get()), lists::wallet(org, filter, page))
}

/// A page of each promotion's redemptions.
pub fn redemptions_of_promotions(
    org: OrgId,
    promotions: &[PromotionId],
    page: &Page<RedemptionId>,
) -> ForEach<RedemptionRow, Id, lists::redemptions_after> {
    ForEach::new(promotions.iter().map(|id| Id(id.get())), lists::redemptions_of_promotion(org, page))
}

fn texts(folded: &[FoldedCode]) -> impl Iterator<Item = String> {
    folded.iter().map(|folded| folded.as_str().to_owned())
}

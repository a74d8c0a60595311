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
        CampaignId, CustomerId, FoldedCode, OrgId, PromotionId, PromotionMode, RedemptionId, Start, WalletFilter,
    },
    store::{
        lists,
        parent::{Parent, Starts},
        rows::{CampaignRow, CodeRow, Id, PromotionRow, RedemptionRow, mode_to_db},
        schema::{PublicId, campaigns, promotion_codes, promotions},
    },
};

/// Runs a query for each of some values, which it knows as [`Parent`], or for each of some starts, which it knows as
/// [`Parent`] and [`After`](crate::store::parent::After). Returns the rows of all.
pub struct ForEach<Row: Selectable<Pg>, Values, Query> {
    columns: AsSelect<Row, Pg>,
    values: Values,
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

impl<Row: LookedUp, Values, Query> ForEach<Row, Values, Query> {
    fn new(values: Values, query: Query) -> Self {
        Self { columns: Row::as_select(), values, query }
    }
}

impl<Row: LookedUp + 'static, Values: 'static, Q: QueryId> QueryId for ForEach<Row, Values, Q> {
    type QueryId = ForEach<Row, Values, Q::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Row: LookedUp, Values, Q> Query for ForEach<Row, Values, Q>
where
    AsSelect<Row, Pg>: Expression,
{
    type SqlType = <AsSelect<Row, Pg> as Expression>::SqlType;
}

/// A value that a query can be run for.
trait ForParent: Sized {
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

/// The values that a query is run for, as a table `parent`.
trait AsTable {
    fn push<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

impl<Value: ForParent> AsTable for Vec<Value>
where
    Self: ToSql<Array<Value::Sql>, Pg>,
    Pg: HasSqlType<Array<Value::Sql>>,
{
    fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("unnest(");
        out.push_bind_param::<Array<Value::Sql>, _>(self)?;
        out.push_sql(") AS parent (value)");
        Ok(())
    }
}

impl<Value: ForParent, Cursor: ForParent> AsTable for Starts<Value, Cursor>
where
    Vec<Value>: ToSql<Array<Value::Sql>, Pg>,
    Vec<Cursor>: ToSql<Array<Cursor::Sql>, Pg>,
    Pg: HasSqlType<Array<Value::Sql>> + HasSqlType<Array<Cursor::Sql>>,
{
    fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("unnest(");
        out.push_bind_param::<Array<Value::Sql>, _>(&self.parents)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Cursor::Sql>, _>(&self.cursors)?;
        out.push_sql(") AS parent (value, after)");
        Ok(())
    }
}

impl<Row: LookedUp, Values: AsTable, Q: QueryFragment<Pg>> QueryFragment<Pg> for ForEach<Row, Values, Q>
where
    AsSelect<Row, Pg>: QueryFragment<Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.values.push(out.reborrow())?;
        out.push_sql(" CROSS JOIN LATERAL (");
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
pub fn promotions_by_id(org: OrgId, ids: &[PromotionId]) -> ForEach<PromotionRow, Vec<Id>, promotion> {
    ForEach::new(ids.iter().map(|id| Id(id.get())).collect(), promotion(org.get(), Parent::new()))
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
pub fn codes_by_text(org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> ForEach<CodeRow, Vec<String>, code> {
    ForEach::new(
        folded.iter().map(|folded| folded.as_str().to_owned()).collect(),
        code(org.get(), mode_to_db(mode), Parent::new()),
    )
}

#[auto_type]
fn campaign(org: i64, id: Parent<PublicId>) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(campaigns::id.eq(id)).limit(1_i64)
}

/// The campaigns of an organisation with these ids.
pub fn campaigns_by_id(org: OrgId, ids: &[CampaignId]) -> ForEach<CampaignRow, Vec<Id>, campaign> {
    ForEach::new(ids.iter().map(|id| Id(id.get())).collect(), campaign(org.get(), Parent::new()))
}

/// Pages of campaigns.
pub fn campaign_pages(
    org: OrgId,
    afters: &[Option<CampaignId>],
    limit: u32,
) -> ForEach<CampaignRow, Vec<Id>, lists::campaigns_before> {
    let (starts, page) = lists::campaign_pages(org, afters, limit);
    ForEach::new(starts, page)
}

/// Pages of campaigns' codes.
pub fn codes_of_campaigns(
    org: OrgId,
    starts: &[Start<CampaignId, FoldedCode>],
    limit: u32,
) -> ForEach<CodeRow, Starts<Id, String>, lists::codes_after> {
    let (starts, page) = lists::codes_of_campaigns(org, starts, limit);
    ForEach::new(starts, page)
}

/// Pages of codes' standing holds.
pub fn holds_of_codes(
    org: OrgId,
    mode: PromotionMode,
    starts: &[Start<FoldedCode, CustomerId>],
    limit: u32,
) -> ForEach<PromotionRow, Starts<String, i64>, lists::holds_after> {
    let (starts, page) = lists::holds_of_codes(org, mode, starts, limit);
    ForEach::new(starts, page)
}

/// Pages of customers' promotions.
pub fn wallets(
    org: OrgId,
    starts: &[Start<CustomerId, PromotionId>],
    filter: WalletFilter,
    limit: u32,
) -> ForEach<PromotionRow, Starts<i64, Id>, lists::wallet_before> {
    let (starts, page) = lists::wallets(org, starts, filter, limit);
    ForEach::new(starts, page)
}

/// Pages of promotions' redemptions.
pub fn redemptions_of_promotions(
    org: OrgId,
    starts: &[Start<PromotionId, RedemptionId>],
    limit: u32,
) -> ForEach<RedemptionRow, Starts<Id, Id>, lists::redemptions_after> {
    let (starts, page) = lists::redemptions_of_promotions(org, starts, limit);
    ForEach::new(starts, page)
}

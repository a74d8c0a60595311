//! Lateral joins that execute a query once per key, or once per parent of a page.
//!
//! To a planner without statistics, as it is while the first campaign goes out, an organisation may seem to have a row or
//! two of everything. Given an array of keys, it then prefers to read all of these to looking each key up, and it may
//! begin a join at either side. A lateral subquery with a limit has to be executed for each value, and what fits it is the
//! index of its whole key.

use diesel::{
    dsl::AsSelect,
    expression::Expression,
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{Array, BigInt, HasSqlType, SingleValue, Text},
};

use crate::{
    promotions::OrgId,
    store::{
        paged::Starts,
        rows::{ApiKeyRow, CampaignRow, CampaignWithContentRow, CodeRow, Id, PromotionRow, RedemptionRow},
        schema::PublicId,
        sql::SqlFile,
    },
};

/// Executes a query for each of several values, for which it contains [`Parent`](crate::store::paged::Parent), or for each
/// of several starts, for which it also contains [`After`](crate::store::paged::After). Returns all their rows.
pub struct ForEach<Row: Selectable<Pg>, Values, Query> {
    org: i64,
    columns: AsSelect<Row, Pg>,
    values: Values,
    query: Query,
}

/// A row that is read in this way.
pub trait JoinedRow: Selectable<Pg> {
    /// The table's name for the rows of the query.
    const TABLE: &'static str;

    /// Joins with the other tables of the row, in which `$org` stands for the organisation twice.
    const JOINS: Option<&'static str> = None;
}

impl JoinedRow for ApiKeyRow {
    const TABLE: &'static str = "api_keys";
}

impl JoinedRow for CampaignRow {
    const TABLE: &'static str = "campaigns";
}

impl JoinedRow for CampaignWithContentRow {
    const TABLE: &'static str = "campaigns";
}

impl JoinedRow for CodeRow {
    const TABLE: &'static str = "promotion_codes";
}

impl JoinedRow for PromotionRow {
    const TABLE: &'static str = "promotions";
    const JOINS: Option<&'static str> = Some(include_str!("../sql/promotions_in_full.sql"));
}

impl JoinedRow for RedemptionRow {
    const TABLE: &'static str = "redemptions";
}

impl<Row: JoinedRow, Values, Query> ForEach<Row, Values, Query> {
    /// Executes a query of an organisation for each of these values.
    pub fn new(org: OrgId, values: Values, query: Query) -> Self {
        Self { org: org.get(), columns: Row::as_select(), values, query }
    }
}

impl<Row: JoinedRow + 'static, Values: 'static, Q: QueryId> QueryId for ForEach<Row, Values, Q> {
    type QueryId = ForEach<Row, Values, Q::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Row: JoinedRow, Values, Q> Query for ForEach<Row, Values, Q>
where
    AsSelect<Row, Pg>: Expression,
{
    type SqlType = <AsSelect<Row, Pg> as Expression>::SqlType;
}

/// A key or cursor, with its SQL type.
trait SqlValue: Sized {
    type Sql: SingleValue;
}

impl SqlValue for Id {
    type Sql = PublicId;
}

impl SqlValue for String {
    type Sql = Text;
}

impl SqlValue for i64 {
    type Sql = BigInt;
}

/// Values, or starts, as a table `parent`.
pub trait AsTable {
    fn push<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

impl<Value: SqlValue> AsTable for Vec<Value>
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

impl<Value: SqlValue, Cursor: SqlValue> AsTable for Starts<Value, Cursor>
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

impl<Row: JoinedRow, Values: AsTable, Q: QueryFragment<Pg>> QueryFragment<Pg> for ForEach<Row, Values, Q>
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
        out.push_sql(Row::TABLE);
        let Some(joins) = Row::JOINS else { return Ok(()) };
        let mut sql = SqlFile::new(joins, out);
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.bind::<BigInt, _>("org", &self.org)?;
        sql.finish()
    }
}

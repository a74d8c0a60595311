//! Pages of many parents' children in one statement, whose cost is that of the rows it returns.
//!
//! `children.filter(key.in_pages(parents, page))` keeps the children whose key is on the page of their parent. The page
//! is an ordinary query over [`Parent`], which stands for each of the parents in turn: a lateral join in PostgreSQL, a
//! correlated table function in SQLite.

use std::marker::PhantomData;

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{Array, BigInt, Bool, SqlType, Text},
    sqlite::Sqlite,
};

use super::{rows::Id, schema::PublicId};

/// A type that SQLite can pass through JSON, in which the parents and the keys travel.
pub trait ThroughJson: SqlType + 'static {
    /// What a value is put into, with its opening parenthesis, to be JSON.
    const ENCODE: &'static str;
    /// What brings it back.
    const DECODE: &'static str;
}

impl ThroughJson for PublicId {
    const ENCODE: &'static str = "hex(";
    const DECODE: &'static str = "unhex(";
}

impl ThroughJson for Text {
    const ENCODE: &'static str = "(";
    const DECODE: &'static str = "(";
}

impl ThroughJson for BigInt {
    const ENCODE: &'static str = "(";
    const DECODE: &'static str = "(";
}

/// A parent as a database value, and as JSON.
pub trait ParentValue {
    /// Its SQL type.
    type Sql: ThroughJson;
    /// The value in JSON.
    fn to_json(&self) -> serde_json::Value;
}

impl ParentValue for Id {
    type Sql = PublicId;
    fn to_json(&self) -> serde_json::Value {
        self.0.simple().to_string().into()
    }
}

impl ParentValue for String {
    type Sql = Text;
    fn to_json(&self) -> serde_json::Value {
        self.as_str().into()
    }
}

impl ParentValue for i64 {
    type Sql = BigInt;
    fn to_json(&self) -> serde_json::Value {
        (*self).into()
    }
}

/// Inside a page's query: the parent whose page it is.
#[derive(Debug, Clone, Copy)]
pub struct Parent<ST>(PhantomData<ST>);

impl<ST> Parent<ST> {
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<ST: ThroughJson + diesel::expression::TypedExpressionType> Expression for Parent<ST> {
    type SqlType = ST;
}

impl<ST, QS: ?Sized> AppearsOnTable<QS> for Parent<ST> where Self: Expression {}

impl<ST> ValidGrouping<()> for Parent<ST> {
    type IsAggregate = is_aggregate::Never;
}

impl<ST: 'static> QueryId for Parent<ST> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<ST> QueryFragment<Pg> for Parent<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("parent.value");
        Ok(())
    }
}

impl<ST: ThroughJson> QueryFragment<Sqlite> for Parent<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(ST::DECODE);
        out.push_sql("parent.value)");
        Ok(())
    }
}

/// Whether a key is on the page of one of the parents.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct InPages<Key, Parents, Query> {
    key: Key,
    parents: Parents,
    page: Query,
}

/// Keys that can be asked for by page.
pub trait KeyOfPages: Column + Sized {
    /// Whether the key is on the page of one of the parents. The page selects this column alone.
    fn in_pages<P: ParentValue, Page>(self, parents: Vec<P>, page: Page) -> InPages<Self, ParentList<P>, Page> {
        let json = parents.iter().map(ParentValue::to_json).collect::<serde_json::Value>().to_string();
        InPages { key: self, parents: ParentList { values: parents, json }, page }
    }
}

impl<C: Column> KeyOfPages for C {}

/// Parents, ready for either database.
#[derive(Debug, Clone)]
pub struct ParentList<P> {
    values: Vec<P>,
    json: String,
}

impl<P: 'static> QueryId for ParentList<P> {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<K, P, Q> Expression for InPages<K, P, Q> {
    type SqlType = Bool;
}

impl<K: AppearsOnTable<QS>, P, Q, QS: ?Sized> AppearsOnTable<QS> for InPages<K, P, Q> {}

impl<K: SelectableExpression<QS>, P, Q, QS: ?Sized> SelectableExpression<QS> for InPages<K, P, Q> {}

impl<K, P, Q> ValidGrouping<()> for InPages<K, P, Q> {
    type IsAggregate = is_aggregate::No;
}

impl<K, P, Q> QueryFragment<Pg> for InPages<K, ParentList<P>, Q>
where
    K: QueryFragment<Pg>,
    P: ParentValue,
    Vec<P>: ToSql<Array<P::Sql>, Pg>,
    Pg: diesel::sql_types::HasSqlType<Array<P::Sql>>,
    Q: QueryFragment<Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.key.walk_ast(out.reborrow())?;
        // An array is made once and looked up in the index. Given the query itself, a planner without statistics, as
        // after a bulk load, runs it again for each row of the table.
        out.push_sql(" = ANY (ARRAY(SELECT page.key FROM unnest(");
        out.push_bind_param::<Array<P::Sql>, _>(&self.parents.values)?;
        out.push_sql(") AS parent (value) CROSS JOIN LATERAL (");
        self.page.walk_ast(out.reborrow())?;
        out.push_sql(") AS page (key)))");
        Ok(())
    }
}

impl<K, P, Q> QueryFragment<Sqlite> for InPages<K, ParentList<P>, Q>
where
    K: QueryFragment<Sqlite> + Column,
    <K as Expression>::SqlType: ThroughJson,
    Q: QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.key.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT ");
        out.push_sql(<K as Expression>::SqlType::DECODE);
        out.push_sql("page.value) FROM json_each(");
        out.push_bind_param::<Text, _>(&self.parents.json)?;
        out.push_sql(") AS parent, json_each((SELECT json_group_array(");
        out.push_sql(<K as Expression>::SqlType::ENCODE);
        out.push_identifier(K::NAME)?;
        out.push_sql(")) FROM (");
        self.page.walk_ast(out.reborrow())?;
        out.push_sql("))) AS page)");
        Ok(())
    }
}

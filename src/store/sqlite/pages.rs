//! Pages of many parents' children in one statement, whose cost is that of the rows it returns.
//!
//! `children.filter(key.in_pages(parents, page))` keeps the children whose key is on the page of their parent. The page
//! is a query over [`Parent`], which stands for each of the parents in turn: a correlated table function.

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Bool, SqlType, Text},
    sqlite::Sqlite,
};

use crate::store::{parent::Parent, rows::Id, schema::PublicId};

/// A type that can pass through JSON, in which the parents and the keys travel.
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

/// A parent in JSON.
pub trait ToJson {
    /// The value in JSON.
    fn to_json(&self) -> serde_json::Value;
}

impl ToJson for Id {
    fn to_json(&self) -> serde_json::Value {
        self.0.simple().to_string().into()
    }
}

impl ToJson for String {
    fn to_json(&self) -> serde_json::Value {
        self.as_str().into()
    }
}

impl ToJson for i64 {
    fn to_json(&self) -> serde_json::Value {
        (*self).into()
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
#[derive(Debug, Clone, QueryId)]
pub struct InPages<Key, Query> {
    key: Key,
    parents: Json,
    page: Query,
}

#[derive(Debug, Clone, QueryId)]
struct Json(String);

/// Keys that can be asked for by page.
pub trait KeyOfPages: Column + Sized {
    /// Whether the key is on the page of one of the parents. The page selects this column.
    fn in_pages<Page>(self, parents: &[impl ToJson], page: Page) -> InPages<Self, Page> {
        let parents = parents.iter().map(ToJson::to_json).collect::<serde_json::Value>();
        InPages { key: self, parents: Json(parents.to_string()), page }
    }
}

impl<C: Column> KeyOfPages for C {}

impl<K, Q> Expression for InPages<K, Q> {
    type SqlType = Bool;
}

impl<K: AppearsOnTable<QS>, Q, QS: ?Sized> AppearsOnTable<QS> for InPages<K, Q> {}

impl<K: SelectableExpression<QS>, Q, QS: ?Sized> SelectableExpression<QS> for InPages<K, Q> {}

impl<K, Q> ValidGrouping<()> for InPages<K, Q> {
    type IsAggregate = is_aggregate::No;
}

impl<K, Q> QueryFragment<Sqlite> for InPages<K, Q>
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
        out.push_bind_param::<Text, _>(&self.parents.0)?;
        out.push_sql(") AS parent, json_each((SELECT json_group_array(");
        out.push_sql(<K as Expression>::SqlType::ENCODE);
        out.push_identifier(K::NAME)?;
        out.push_sql(")) FROM (");
        self.page.walk_ast(out.reborrow())?;
        out.push_sql("))) AS page)");
        Ok(())
    }
}

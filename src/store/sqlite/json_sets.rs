//! Sets of keys, and pages of many parents' children, each in one statement that costs no more than the rows it returns.
//!
//! `children.filter(key.among(keys))` keeps those with one of the keys. `children.filter(key.in_pages(starts, page))` keeps
//! those on the page of their parent. The page is a query with the placeholders [`Parent`] and [`After`], which take the
//! values of each start in turn, through a correlated table function.
//!
//! Keys and starts are bound as one JSON value: SQLite permits 32,766 values per statement, and a statement would be
//! prepared again for each number of values.

use diesel::{
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Bool, SqlType, Text},
    sqlite::Sqlite,
};

use crate::store::{
    paged::{After, Parent, Starts},
    rows::Id,
    schema::PublicId,
};

/// An SQL type whose values can be sent as JSON.
pub trait InJson: SqlType + 'static {
    /// The function that makes a value JSON, with its opening parenthesis.
    const ENCODE: &'static str;
    /// The function that reverses it.
    const DECODE: &'static str;
}

impl InJson for PublicId {
    const ENCODE: &'static str = "hex(";
    const DECODE: &'static str = "unhex(";
}

impl InJson for Text {
    const ENCODE: &'static str = "(";
    const DECODE: &'static str = "(";
}

impl InJson for BigInt {
    const ENCODE: &'static str = "(";
    const DECODE: &'static str = "(";
}

/// A key in JSON.
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

/// A JSON array of rows, each an array of a parent or key and, for pages, its cursor.
#[derive(Debug, Clone, QueryId)]
pub struct Rows(String);

impl<Value: ToJson> From<&[Value]> for Rows {
    fn from(values: &[Value]) -> Self {
        let rows: serde_json::Value = values.iter().map(|value| vec![value.to_json()]).collect();
        Self(rows.to_string())
    }
}

impl<Value: ToJson, Cursor: ToJson> From<&Starts<Value, Cursor>> for Rows {
    fn from(starts: &Starts<Value, Cursor>) -> Self {
        let starts = starts.parents.iter().zip(&starts.cursors);
        let rows: serde_json::Value = starts.map(|(value, after)| vec![value.to_json(), after.to_json()]).collect();
        Self(rows.to_string())
    }
}

impl<ST: InJson> QueryFragment<Sqlite> for Parent<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(ST::DECODE);
        out.push_sql("parent.value ->> 0)");
        Ok(())
    }
}

impl<ST: InJson> QueryFragment<Sqlite> for After<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(ST::DECODE);
        out.push_sql("parent.value ->> 1)");
        Ok(())
    }
}

/// Whether a key is one of several.
#[derive(Debug, Clone, QueryId)]
pub struct Among<Key> {
    key: Key,
    keys: Rows,
}

/// Whether a key is on the page of one of the starts.
#[derive(Debug, Clone, QueryId)]
pub struct InPages<Key, Query, Owner = Key> {
    /// The parent's column, if the key is not unique without it.
    owner: Option<Owner>,
    key: Key,
    starts: Rows,
    page: Query,
}

/// Filters on a key column.
pub trait JsonSets: Column + Sized {
    /// Whether the column has one of these values.
    fn among(self, keys: &[impl ToJson]) -> Among<Self> {
        Among { key: self, keys: keys.into() }
    }

    /// Whether the column's value is on the page of one of the starts. The page selects this column.
    fn in_pages<Page>(self, starts: impl Into<Rows>, page: Page) -> InPages<Self, Page> {
        InPages { owner: None, key: self, starts: starts.into(), page }
    }

    /// The same for a column that is not unique without the parent's column.
    fn in_pages_of<Owner, Page>(self, owner: Owner, starts: impl Into<Rows>, page: Page) -> InPages<Self, Page, Owner> {
        InPages { owner: Some(owner), key: self, starts: starts.into(), page }
    }
}

impl<C: Column> JsonSets for C {}

impl<K> Expression for Among<K> {
    type SqlType = Bool;
}

impl<K: AppearsOnTable<QS>, QS: ?Sized> AppearsOnTable<QS> for Among<K> {}

impl<K: SelectableExpression<QS>, QS: ?Sized> SelectableExpression<QS> for Among<K> {}

impl<K> ValidGrouping<()> for Among<K> {
    type IsAggregate = is_aggregate::No;
}

impl<K> QueryFragment<Sqlite> for Among<K>
where
    K: QueryFragment<Sqlite> + Column,
    <K as Expression>::SqlType: InJson,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.key.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT ");
        out.push_sql(<K as Expression>::SqlType::DECODE);
        out.push_sql("parent.value ->> 0)");
        out.push_sql(" FROM json_each(");
        out.push_bind_param::<Text, _>(&self.keys.0)?;
        out.push_sql(") AS parent)");
        Ok(())
    }
}

impl<K, Q, O> Expression for InPages<K, Q, O> {
    type SqlType = Bool;
}

impl<K: AppearsOnTable<QS>, Q, O, QS: ?Sized> AppearsOnTable<QS> for InPages<K, Q, O> {}

impl<K: SelectableExpression<QS>, Q, O, QS: ?Sized> SelectableExpression<QS> for InPages<K, Q, O> {}

impl<K, Q, O> ValidGrouping<()> for InPages<K, Q, O> {
    type IsAggregate = is_aggregate::No;
}

impl<K, Q, O> QueryFragment<Sqlite> for InPages<K, Q, O>
where
    K: QueryFragment<Sqlite> + Column,
    <K as Expression>::SqlType: InJson,
    O: QueryFragment<Sqlite> + Column,
    <O as Expression>::SqlType: InJson,
    Q: QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("(");
        if let Some(owner) = &self.owner {
            owner.walk_ast(out.reborrow())?;
            out.push_sql(", ");
        }
        self.key.walk_ast(out.reborrow())?;
        out.push_sql(") IN (SELECT ");
        if self.owner.is_some() {
            out.push_sql(<O as Expression>::SqlType::DECODE);
            out.push_sql("parent.value ->> 0), ");
        }
        out.push_sql(<K as Expression>::SqlType::DECODE);
        out.push_sql("page.value) FROM json_each(");
        out.push_bind_param::<Text, _>(&self.starts.0)?;
        out.push_sql(") AS parent, json_each((SELECT json_group_array(");
        out.push_sql(<K as Expression>::SqlType::ENCODE);
        out.push_identifier(K::NAME)?;
        out.push_sql(")) FROM (");
        self.page.walk_ast(out.reborrow())?;
        out.push_sql("))) AS page)");
        Ok(())
    }
}

//! What a page is of, inside the page's query.

use std::marker::PhantomData;

use diesel::{
    expression::{AppearsOnTable, Expression, TypedExpressionType, ValidGrouping, is_aggregate},
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::SqlType,
};

/// Stands for each of several parents in turn, or for each of several keys: the query around it names them, as
/// `parent.value`.
#[derive(Debug, Clone, Copy)]
pub struct Parent<ST>(PhantomData<ST>);

impl<ST> Parent<ST> {
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<ST: SqlType + TypedExpressionType> Expression for Parent<ST> {
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

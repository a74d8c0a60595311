//! The parents and cursors of several pages, and placeholders for them in the query of a page.

use std::marker::PhantomData;

use diesel::{
    expression::{AppearsOnTable, Expression, TypedExpressionType, ValidGrouping, is_aggregate},
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::SqlType,
};

use crate::promotions::Start;

/// Where pages begin, as database values: for each page its parent, and the cursor after which it begins.
#[derive(Debug, Clone)]
pub struct Starts<Value, Cursor> {
    pub parents: Vec<Value>,
    pub cursors: Vec<Cursor>,
}

impl<Value, Cursor> Starts<Value, Cursor> {
    /// Converts starts of the domain. A list's first page begins after `beginning`, which no row precedes.
    pub fn new<P, C>(
        starts: &[Start<P, C>],
        parent: impl Fn(&P) -> Value,
        cursor: impl Fn(&C) -> Cursor,
        beginning: impl Fn() -> Cursor,
    ) -> Self {
        Self {
            parents: starts.iter().map(|(of, _)| parent(of)).collect(),
            cursors: starts.iter().map(|(_, after)| after.as_ref().map_or_else(&beginning, &cursor)).collect(),
        }
    }
}

/// Placeholder for the current parent, or the current key of a set. The outer query names it `parent.value`.
#[derive(Debug, Clone, Copy)]
pub struct Parent<ST>(PhantomData<ST>);

/// Placeholder for the cursor of the current parent. The outer query names it `parent.after`.
#[derive(Debug, Clone, Copy)]
pub struct After<ST>(PhantomData<ST>);

/// Makes an expression of a placeholder type.
macro_rules! placeholder {
    ($name:ident, $postgres:literal) => {
        impl<ST> $name<ST> {
            pub const fn new() -> Self {
                Self(PhantomData)
            }
        }

        impl<ST: SqlType + TypedExpressionType> Expression for $name<ST> {
            type SqlType = ST;
        }

        impl<ST, QS: ?Sized> AppearsOnTable<QS> for $name<ST> where Self: Expression {}

        impl<ST> ValidGrouping<()> for $name<ST> {
            type IsAggregate = is_aggregate::Never;
        }

        impl<ST: 'static> QueryId for $name<ST> {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl<ST> QueryFragment<Pg> for $name<ST> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                out.push_sql($postgres);
                Ok(())
            }
        }
    };
}

placeholder!(Parent, "parent.value");
placeholder!(After, "parent.after");

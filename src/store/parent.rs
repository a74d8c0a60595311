//! Where the pages of several lists begin, and how a page's query refers to it.

use std::marker::PhantomData;

use diesel::{
    expression::{AppearsOnTable, Expression, TypedExpressionType, ValidGrouping, is_aggregate},
    pg::Pg,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::SqlType,
};

use crate::promotions::Start;

/// Where pages begin, as the database has it: a parent each, and the cursor behind which its page begins.
#[derive(Debug, Clone)]
pub struct Starts<Value, Cursor> {
    pub parents: Vec<Value>,
    pub cursors: Vec<Cursor>,
}

impl<Value, Cursor> Starts<Value, Cursor> {
    /// Converts what the domain has. The first page of a list begins behind `beginning`, before which no row comes.
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

/// Stands for each of several parents in turn, or for each of several keys: the query around it names them, as
/// `parent.value`.
#[derive(Debug, Clone, Copy)]
pub struct Parent<ST>(PhantomData<ST>);

/// Stands for the cursor that comes with each of several parents: the query around it names it, as `parent.after`.
#[derive(Debug, Clone, Copy)]
pub struct After<ST>(PhantomData<ST>);

/// Makes an expression of a type that stands for a value of the query around it.
macro_rules! outer_value {
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

outer_value!(Parent, "parent.value");
outer_value!(After, "parent.after");

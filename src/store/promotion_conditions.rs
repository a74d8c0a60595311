//! Conditions on promotions that several statements share, in SQL that both databases understand.

use diesel::{
    backend::Backend,
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    serialize::ToSql,
    sql_types::{BigInt, Bool, HasSqlType, SmallInt},
};

use super::{rows::mode_to_db, schema::promotions, sql::SqlFile};
use crate::promotions::{OrgId, WalletFilter};

/// Whether a hold counts towards the limits of its code and campaign: until it is unlinked, and afterwards if it was
/// redeemed.
pub const COUNTS: &str = "(unlinked_on IS NULL OR redemption_count > 0)";

/// [`COUNTS`] as an expression.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct Counts;

impl Expression for Counts {
    type SqlType = Bool;
}

impl AppearsOnTable<promotions::table> for Counts {}

impl ValidGrouping<()> for Counts {
    type IsAggregate = is_aggregate::No;
}

impl<DB: Backend> QueryFragment<DB> for Counts {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(COUNTS);
        Ok(())
    }
}

/// Whether a promotion passes a wallet's filter.
///
/// The statement contains only the parts that the filter has: a subquery on codes and campaigns costs something even if
/// it is never executed.
#[derive(Debug, Clone, Copy)]
pub struct PassesFilter {
    org: i64,
    mode: Option<i16>,
    /// Whether promotions must be active or inactive, and at which moment.
    active: Option<(bool, i64)>,
}

impl PassesFilter {
    pub fn new(org: OrgId, filter: WalletFilter) -> Self {
        Self {
            org: org.get(),
            mode: filter.mode.map(mode_to_db),
            active: filter.active.map(|(active, now)| (active, now.millis())),
        }
    }
}

impl QueryId for PassesFilter {
    type QueryId = ();
    // The statement depends on the values.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for PassesFilter {
    type SqlType = Bool;
}

impl<QS: ?Sized> AppearsOnTable<QS> for PassesFilter {}

impl<QS: ?Sized> SelectableExpression<QS> for PassesFilter {}

impl ValidGrouping<()> for PassesFilter {
    type IsAggregate = is_aggregate::No;
}

impl<DB> QueryFragment<DB> for PassesFilter
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Bool> + HasSqlType<SmallInt>,
    i16: ToSql<SmallInt, DB>,
    i64: ToSql<BigInt, DB>,
    bool: ToSql<Bool, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("TRUE");
        if let Some(mode) = &self.mode {
            out.push_sql(" AND promotions.mode = ");
            out.push_bind_param::<SmallInt, _>(mode)?;
        }
        if let Some((active, now)) = &self.active {
            out.push_sql(" AND ");
            let mut sql = SqlFile::new(include_str!("sql/is_active.sql"), out.reborrow());
            sql.bind::<BigInt, _>("org", &self.org)?;
            sql.bind::<BigInt, _>("org", &self.org)?;
            sql.bind::<BigInt, _>("now", now)?;
            sql.bind::<BigInt, _>("now", now)?;
            sql.finish()?;
            out.push_sql(" = ");
            out.push_bind_param::<Bool, _>(active)?;
        }
        Ok(())
    }
}

//! The statements of linking and of events that Diesel's query builder can't express. Their text is in `store/sql`.
//!
//! Sets of keys are bound as arrays (`unnest`), so that any number of them is one statement, which is prepared once per
//! connection. The organisation is not in an array, except that of new rows: every part of a statement has the condition
//! `org_id = $n`. By it, a distributed database finds the server that has the rows, and sends it the statement as a whole.
//!
//! Each statement is a type of its own, by which prepared statements are cached.

mod events;
mod locks;
mod numbering;
mod reads;
mod shared_budgets;
mod transaction;
mod writes;

use diesel::{
    pg::{Pg, PgQueryBuilder},
    prelude::*,
    query_builder::{AstPass, QueryBuilder, QueryFragment},
    sql_types::{Array, BigInt, SmallInt, Text},
};

pub use self::{
    events::{InsertEvents, RecordLinks, TakeEventNumbers},
    locks::{AdvisoryLocks, LimitedCustomers, LockCustomers},
    numbering::{InsertFeed, LockFeed, NumberEvents, OutboxOrgs},
    reads::{CountHeld, ReadCodes, ReadHolds},
    shared_budgets::{RemoveFullBudgets, SpendBudget},
    transaction::{Begin, Commit, LIMIT_LOCK_WAITS, LimitLockWaits, Rollback},
    writes::{CountLinks, InsertCodes, InsertPromotions},
};
use crate::{
    promotions::{FoldedCode, PromotionMode},
    store::{rows::mode_to_db, sql::SqlFile},
};

/// Implements `QueryId`, by which prepared statements are cached, for types that borrow: the derive can't.
macro_rules! query_id {
    ($($statement:ident),*) => {$(
        impl QueryId for $statement<'_> {
            type QueryId = $statement<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
    )*};
}

use query_id;

/// The organisations of the rows of a batch.
#[derive(Debug)]
struct Orgs {
    all: Vec<i64>,
    /// The only one, in a distributed database.
    only: Option<Place>,
}

impl Orgs {
    fn new(all: Vec<i64>, is_distributed: bool) -> Self {
        let only = if is_distributed { all.first().copied().map(Place) } else { None };
        Self { all, only }
    }

    /// Fills `$org_column`.
    fn push_column(&self, sql: &mut SqlFile<'_, '_, Pg>, of_rows: &str) -> QueryResult<()> {
        sql.insert_text("org_column", if self.only.is_some() { "place.org_id" } else { of_rows })
    }

    /// Fills `$place`.
    fn push_place<'b>(&'b self, sql: &mut SqlFile<'_, 'b, Pg>) -> QueryResult<()> {
        match &self.only {
            Some(place) => sql.insert("place", place),
            None => sql.insert_text("place", ""),
        }
    }
}

/// The row of an organisation. By joining it, new rows are inserted where the organisation's rows are, by a server of a
/// distributed database alone. Otherwise they would be sent there by COPY, and committed in two phases.
#[derive(Debug)]
struct Place(i64);

impl QueryFragment<Pg> for Place {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(SELECT org_id FROM organisations WHERE org_id = ");
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(") place CROSS JOIN");
        Ok(())
    }
}

/// The SQL of columns. Diesel would quote each of them again, in a string of its own, whenever a statement is executed.
fn column_list(columns: &impl QueryFragment<Pg>) -> String {
    let mut sql = PgQueryBuilder::default();
    columns.to_sql(&mut sql, &Pg).expect("columns have no values");
    sql.finish()
}

/// The keys of an organisation's codes, bound as two arrays.
#[derive(Debug, Default)]
struct CodeKeys<'a> {
    modes: Vec<i16>,
    folded: Vec<&'a str>,
}

impl<'a> FromIterator<(PromotionMode, &'a FoldedCode)> for CodeKeys<'a> {
    fn from_iter<I: IntoIterator<Item = (PromotionMode, &'a FoldedCode)>>(keys: I) -> Self {
        let mut arrays = Self::default();
        for (mode, folded) in keys {
            arrays.modes.push(mode_to_db(mode));
            arrays.folded.push(folded.as_str());
        }
        arrays
    }
}

impl QueryFragment<Pg> for CodeKeys<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<Array<SmallInt>, _>(&self.modes)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.folded)
    }
}

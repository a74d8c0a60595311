//! The statements of linking and of events that Diesel's query builder can't express. Sets of keys are bound as arrays
//! (`unnest`), so that a batch of any size is one statement, which is prepared once per connection. Their text is in `store/sql`.
//!
//! Each statement is a type of its own, by which prepared statements are cached.

mod events;
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
    events::InsertEvents,
    numbering::{InsertFeeds, LockFeeds, NumberEvents, OutboxOrgs},
    reads::{AdvisoryLocks, CountHeld, LOCKED, LOCKED_OR_SKIPPED, ReadCodes, ReadHolds, UNLOCKED},
    shared_budgets::{RemoveFullBudgets, SpendBudgets},
    transaction::{Begin, Commit, Rollback},
    writes::{CountLinks, InsertCodes, InsertPromotions},
};
use crate::{
    promotions::{CodeKey, FoldedCode, OrgId, PromotionMode},
    store::rows::mode_to_db,
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

/// The SQL of columns. Diesel would quote each of them again, in a string of its own, whenever a statement is executed.
fn column_list(columns: &impl QueryFragment<Pg>) -> String {
    let mut sql = PgQueryBuilder::default();
    columns.to_sql(&mut sql, &Pg).expect("columns have no values");
    sql.finish()
}

/// The keys of codes, bound as three arrays.
#[derive(Debug, Default)]
struct CodeKeys<'a> {
    orgs: Vec<i64>,
    modes: Vec<i16>,
    folded: Vec<&'a str>,
}

impl<'a> FromIterator<(OrgId, PromotionMode, &'a FoldedCode)> for CodeKeys<'a> {
    fn from_iter<I: IntoIterator<Item = (OrgId, PromotionMode, &'a FoldedCode)>>(keys: I) -> Self {
        let mut arrays = Self::default();
        for (org, mode, folded) in keys {
            arrays.orgs.push(org.get());
            arrays.modes.push(mode_to_db(mode));
            arrays.folded.push(folded.as_str());
        }
        arrays
    }
}

impl<'a> FromIterator<&'a CodeKey> for CodeKeys<'a> {
    fn from_iter<I: IntoIterator<Item = &'a CodeKey>>(keys: I) -> Self {
        keys.into_iter().map(|key| (key.org, key.mode, &key.folded)).collect()
    }
}

impl QueryFragment<Pg> for CodeKeys<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<Array<BigInt>, _>(&self.orgs)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SmallInt>, _>(&self.modes)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.folded)
    }
}

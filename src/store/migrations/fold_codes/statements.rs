//! The statements that fold stored codes again. Their text is in `store/sql/fold_codes`.

use std::fmt;

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_types::{BigInt, Integer, SmallInt, Text},
};
use diesel_async::{AsyncPgConnection, async_connection_wrapper::AsyncConnectionWrapper};

use crate::store::{rows::Id, schema::PublicId};

/// The blocking form of an asynchronous connection, which Diesel's migrations require.
pub type PgConnection = AsyncConnectionWrapper<AsyncPgConnection>;

const CODES: &str = include_str!("../../sql/fold_codes/codes_after.sql");

/// Creates the table of codes whose folded text changes.
pub const NOTES: &str = include_str!("../../sql/fold_codes/notes.sql");

const COLLISIONS: &str = include_str!("../../sql/fold_codes/collisions.sql");

/// Changes codes and promotions. The foreign key between them must be dropped before.
pub const CHANGES: &str = include_str!("../../sql/fold_codes/changes.sql");

diesel::table! {
    refolded (org_id, mode, old) {
        org_id -> BigInt,
        mode -> SmallInt,
        old -> Text,
        between_both -> Text,
        new -> Text,
    }
}

/// A code as it is stored.
#[derive(Debug, QueryableByName)]
pub struct Stored {
    #[diesel(sql_type = BigInt)]
    pub org_id: i64,
    #[diesel(sql_type = SmallInt)]
    pub mode: i16,
    #[diesel(sql_type = Text)]
    pub folded: String,
    #[diesel(sql_type = Text)]
    pub code: String,
}

/// A code whose folded text changes.
#[derive(Debug, diesel::Insertable)]
#[diesel(table_name = refolded)]
pub struct Refolded {
    pub org_id: i64,
    pub mode: i16,
    pub old: String,
    pub between_both: String,
    pub new: String,
}

/// Two codes that are different for an earlier version of the program, and the same for this one.
#[derive(Debug, QueryableByName)]
pub struct Collision {
    #[diesel(sql_type = BigInt)]
    pub org_id: i64,
    #[diesel(sql_type = SmallInt)]
    pub mode: i16,
    #[diesel(sql_type = Text)]
    one: String,
    #[diesel(sql_type = PublicId)]
    one_campaign: Id,
    #[diesel(sql_type = Integer)]
    one_links: i32,
    #[diesel(sql_type = Text)]
    other: String,
    #[diesel(sql_type = PublicId)]
    other_campaign: Id,
    #[diesel(sql_type = Integer)]
    other_links: i32,
    #[diesel(sql_type = BigInt)]
    pub times: i64,
}

impl fmt::Display for Collision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { org_id, mode, one, one_campaign, one_links, other, other_campaign, other_links, .. } = self;
        let mode = if *mode == 1 { "DISCOUNT" } else { "PAYMENT_VOUCHER" };
        // `{:?}` shows invisible characters by their numbers.
        write!(
            f,
            "organisation {org_id}, {mode}: {one:?} (campaign {}, linkCount {one_links}) and {other:?} (campaign {}, \
             linkCount {other_links})",
            one_campaign.0, other_campaign.0
        )
    }
}

/// A connection on which codes can be folded. The statements are the same for both databases, the types are not.
pub trait FoldingConnection: SimpleConnection {
    /// Drops the foreign key from promotions to codes.
    const DROP_FOREIGN_KEY: &str;
    /// Restores it.
    const ADD_FOREIGN_KEY: &str;

    fn codes_after(&mut self, after: &Stored) -> QueryResult<Vec<Stored>>;
    fn note(&mut self, changes: &[Refolded]) -> QueryResult<usize>;
    fn collisions(&mut self) -> QueryResult<Vec<Collision>>;
}

impl FoldingConnection for SqliteConnection {
    // Migrations are applied without checks of foreign keys.
    const DROP_FOREIGN_KEY: &str = "";
    const ADD_FOREIGN_KEY: &str = "";

    fn codes_after(&mut self, Stored { org_id, mode, folded, .. }: &Stored) -> QueryResult<Vec<Stored>> {
        diesel::sql_query(CODES).bind::<BigInt, _>(org_id).bind::<SmallInt, _>(mode).bind::<Text, _>(folded).load(self)
    }

    fn note(&mut self, changes: &[Refolded]) -> QueryResult<usize> {
        diesel::insert_into(refolded::table).values(changes).execute(self)
    }

    fn collisions(&mut self) -> QueryResult<Vec<Collision>> {
        diesel::sql_query(COLLISIONS).load(self)
    }
}

impl FoldingConnection for PgConnection {
    // ALTER TABLE alone would take these locks in the other order, and could deadlock with an import. Everything queues
    // behind a lock request that waits, so the wait is short.
    const DROP_FOREIGN_KEY: &str = "SET LOCAL lock_timeout = '5s'; \
                          LOCK TABLE promotion_codes, promotions IN ACCESS EXCLUSIVE MODE; \
                          ALTER TABLE promotions DROP CONSTRAINT promotions_org_id_mode_folded_fkey;";
    const ADD_FOREIGN_KEY: &str = "ALTER TABLE promotions ADD FOREIGN KEY (org_id, mode, folded) \
                        REFERENCES promotion_codes (org_id, mode, folded);";

    fn codes_after(&mut self, Stored { org_id, mode, folded, .. }: &Stored) -> QueryResult<Vec<Stored>> {
        diesel::sql_query(CODES).bind::<BigInt, _>(org_id).bind::<SmallInt, _>(mode).bind::<Text, _>(folded).load(self)
    }

    fn note(&mut self, changes: &[Refolded]) -> QueryResult<usize> {
        diesel::insert_into(refolded::table).values(changes).execute(self)
    }

    fn collisions(&mut self) -> QueryResult<Vec<Collision>> {
        diesel::sql_query(COLLISIONS).load(self)
    }
}

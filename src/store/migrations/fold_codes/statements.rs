//! What folding stored codes again asks of both databases.

use std::fmt;

use diesel::{
    QueryResult, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_types::{BigInt, Integer, SmallInt, Text},
};
use diesel_async::{AsyncPgConnection, async_connection_wrapper::AsyncConnectionWrapper};

use crate::store::{rows::Id, schema::PublicId};

/// What diesel makes of an asynchronous connection for a migration.
pub type PgConnection = AsyncConnectionWrapper<AsyncPgConnection>;

const CODES: &str = "SELECT org_id, mode, folded, code FROM promotion_codes WHERE (org_id, mode, folded) > ($1, $2, $3) \
                     ORDER BY org_id, mode, folded LIMIT 10000";

/// A folded text that is on its way from `old` to `new` is in between what no code can be, as it has a control character:
/// `new` may be what another code, on its way too, still is. Made of a query, so that columns compare as those of codes do.
pub const NOTES: &str = "
    CREATE TEMPORARY TABLE refolded AS
        SELECT org_id, mode, folded AS old, folded AS between_both, folded AS new FROM promotion_codes WHERE 1 = 0;
    CREATE INDEX refolded_old ON refolded (org_id, mode, old);
    CREATE INDEX refolded_between ON refolded (org_id, mode, between_both);
    CREATE INDEX refolded_new ON refolded (org_id, mode, new);";

/// Pairs of codes that would have the same folded text: two that change, or one that changes and one that stays.
const COLLISIONS: &str = "
    WITH pairs AS (
        SELECT r.org_id, r.mode, r.old AS one, f.old AS other
        FROM refolded r JOIN (SELECT org_id, mode, new, min(old) AS old FROM refolded GROUP BY org_id, mode, new) f
            ON f.org_id = r.org_id AND f.mode = r.mode AND f.new = r.new
        WHERE f.old < r.old
        UNION ALL
        SELECT r.org_id, r.mode, r.old AS one, c.folded AS other
        FROM refolded r CROSS JOIN promotion_codes c
        WHERE c.org_id = r.org_id AND c.mode = r.mode AND c.folded = r.new AND NOT EXISTS (SELECT 1 FROM refolded x
            WHERE x.org_id = c.org_id AND x.mode = c.mode AND x.old = c.folded)
    )
    SELECT p.org_id, p.mode, a.code AS one, a.campaign_id AS one_campaign, a.link_count AS one_links, b.code AS other,
        b.campaign_id AS other_campaign, b.link_count AS other_links, count(*) OVER () AS times
    FROM pairs p
    CROSS JOIN promotion_codes a
    CROSS JOIN promotion_codes b
    WHERE a.org_id = p.org_id AND a.mode = p.mode AND a.folded = p.one
        AND b.org_id = p.org_id AND b.mode = p.mode AND b.folded = p.other
    ORDER BY p.org_id, p.mode, a.code LIMIT 1000";

/// Changes codes and promotions. The keys that bind them are away meanwhile, since looking for each code's promotions
/// would read all of them each time.
pub const CHANGES: &str = "
    UPDATE promotion_codes AS c SET folded = r.between_both FROM refolded r
        WHERE c.org_id = r.org_id AND c.mode = r.mode AND c.folded = r.old;
    UPDATE promotion_codes AS c SET folded = r.new FROM refolded r
        WHERE c.org_id = r.org_id AND c.mode = r.mode AND c.folded = r.between_both;
    UPDATE promotions AS p SET folded = r.between_both FROM refolded r
        WHERE p.org_id = r.org_id AND p.mode = r.mode AND p.folded = r.old;
    UPDATE promotions AS p SET folded = r.new FROM refolded r
        WHERE p.org_id = r.org_id AND p.mode = r.mode AND p.folded = r.between_both;";

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

/// Two codes that differ for an earlier version of the program, and not for this one.
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
        // Characters that can't be seen are shown by their numbers.
        write!(
            f,
            "organisation {org_id}, {mode}: {one:?} (campaign {}, linkCount {one_links}) and {other:?} (campaign {}, \
             linkCount {other_links})",
            one_campaign.0, other_campaign.0
        )
    }
}

/// What folding needs of a connection. The statements are the same for both databases; only the types are not.
pub trait FoldingConnection: SimpleConnection {
    /// Takes away the foreign key from promotions to codes.
    const UNBIND: &str;
    /// Puts it back.
    const BIND: &str;

    fn codes_after(&mut self, after: &Stored) -> QueryResult<Vec<Stored>>;
    fn note(&mut self, changes: &[Refolded]) -> QueryResult<usize>;
    fn collisions(&mut self) -> QueryResult<Vec<Collision>>;
}

impl FoldingConnection for SqliteConnection {
    // Migrations are applied without foreign keys.
    const UNBIND: &str = "";
    const BIND: &str = "";

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
    // The key takes these locks in the other order, in which it and an import could wait for each other. What waits behind a
    // lock that is not granted waits as long, so it is not waited for long.
    const UNBIND: &str = "SET LOCAL lock_timeout = '5s'; \
                          LOCK TABLE promotion_codes, promotions IN ACCESS EXCLUSIVE MODE; \
                          ALTER TABLE promotions DROP CONSTRAINT promotions_org_id_mode_folded_fkey;";
    const BIND: &str = "ALTER TABLE promotions ADD FOREIGN KEY (org_id, mode, folded) \
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

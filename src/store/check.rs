//! Checks a whole database, as of one moment, for violations of its invariants. Changes nothing.
//!
//! The invariants are in `invariants`, as statements that both databases understand, and in `spellings`, for what SQL can't
//! compute.

mod invariants;
mod spellings;

use std::iter;

use diesel::{
    QueryableByName, SqliteConnection,
    sql_types::{BigInt, Nullable, Text},
};
use diesel_async::AsyncPgConnection;
use tokio::sync::mpsc::UnboundedSender;

use self::{
    invariants::{INVARIANTS, Invariant},
    spellings::Spellings,
};
use super::{
    DatabaseUrl, OpenError, postgres, promotion_conditions::COUNTS, rows::Id, schema::PublicId, sql_log, sqlite,
};

/// The most violations of an invariant that are listed.
const MAX_EXAMPLES: usize = 20;

/// The changes that events record, each with the type and the time of its event.
const RECORDED_CHANGES: &str = include_str!("sql/check/recorded_changes.sql");

/// The events that have no position yet. SQLite has none.
const OUTBOX: &str = "UNION ALL SELECT org_id, type, subject_id FROM event_outbox";

/// The result of checking an invariant.
#[derive(Debug)]
pub struct Checked {
    /// What holds in an intact database.
    pub invariant: &'static str,
    /// Why it may be broken although nothing is wrong, if it may.
    pub excuse: Option<&'static str>,
    /// The number of violations.
    pub broken: u64,
    /// The first violations.
    pub examples: Vec<Example>,
    /// What an operator can do.
    pub advice: &'static str,
}

/// A violation of an invariant.
#[derive(Debug)]
pub struct Example {
    /// What is wrong, and where: the organisation and an id.
    pub text: String,
    /// The code concerned, if any.
    pub code: Option<String>,
}

/// The invariants in words, in the order of the checks.
pub fn invariants() -> impl Iterator<Item = &'static str> {
    INVARIANTS.iter().map(|invariant| invariant.name).chain(iter::once(spellings::INVARIANT))
}

/// Checks all invariants, and sends each result immediately. The tables must be up to date.
pub async fn check(url: &DatabaseUrl, found: UnboundedSender<Checked>) -> Result<(), OpenError> {
    sql_log::install();
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || check_sqlite(&mut sqlite::connect_for_check(&path)?, &found)).await?
        }
        DatabaseUrl::Postgres(url) => {
            check_postgres(&mut *postgres::connect_for_check(url.expose()).await?, &found).await
        }
    }
}

fn check_sqlite(connection: &mut SqliteConnection, found: &UnboundedSender<Checked>) -> Result<(), OpenError> {
    use diesel::{Connection, RunQueryDsl, connection::DefaultLoadingMode};

    // After its first read, a transaction does not see what others write.
    connection.transaction(|connection| {
        for invariant in &INVARIANTS {
            send(found, invariant.checked(diesel::sql_query(invariant.statement("")).load(connection)?));
        }
        let mut spellings = Spellings::default();
        for code in spellings::codes().load_iter::<_, DefaultLoadingMode>(connection)? {
            spellings.check(code?);
        }
        send(found, spellings.checked());
        Ok(())
    })
}

async fn check_postgres(connection: &mut AsyncPgConnection, found: &UnboundedSender<Checked>) -> Result<(), OpenError> {
    use diesel_async::RunQueryDsl;
    use futures_util::TryStreamExt;

    let mut transaction = connection.build_transaction().repeatable_read().read_only();
    transaction
        .run(async |connection| {
            for invariant in &INVARIANTS {
                send(found, invariant.checked(diesel::sql_query(invariant.statement(OUTBOX)).load(connection).await?));
            }
            let mut spellings = Spellings::default();
            let mut codes = spellings::codes().load_stream(connection).await?;
            while let Some(code) = codes.try_next().await? {
                spellings.check(code);
            }
            send(found, spellings.checked());
            Ok(())
        })
        .await
}

fn send(found: &UnboundedSender<Checked>, checked: Checked) {
    // The receiver may have been dropped.
    let _ = found.send(checked);
}

/// A row of an invariant's statement, and the number of all its rows.
#[derive(QueryableByName)]
struct Broken {
    #[diesel(sql_type = BigInt)]
    org_id: i64,
    #[diesel(sql_type = Nullable<PublicId>)]
    id: Option<Id>,
    #[diesel(sql_type = Text)]
    about: String,
    #[diesel(sql_type = Nullable<Text>)]
    code: Option<String>,
    #[diesel(sql_type = BigInt)]
    times: i64,
}

impl Invariant {
    /// One statement for the number and the examples, so that the tables are read once.
    ///
    /// Materialised, because PostgreSQL would otherwise plan for the first few rows. It expects many, and if there are none
    /// such a plan takes minutes instead of seconds.
    fn statement(&self, outbox: &str) -> String {
        format!(
            "WITH counting_holds AS (SELECT * FROM promotions WHERE {COUNTS}), {RECORDED_CHANGES}, \
             recorded_events AS (SELECT org_id, type, subject_id FROM events {outbox}), broken AS MATERIALIZED ({}) \
             SELECT org_id, id, about, code, count(*) OVER () AS times FROM broken \
             ORDER BY org_id, id LIMIT {MAX_EXAMPLES}",
            self.broken
        )
    }

    fn checked(&self, broken: Vec<Broken>) -> Checked {
        Checked {
            invariant: self.name,
            excuse: self.excuse,
            broken: broken.first().map_or(0, |first| first.times.unsigned_abs()),
            examples: broken
                .into_iter()
                .map(|Broken { org_id, id, about, code, .. }| example(org_id, self.id_of, id, &about, code))
                .collect(),
            advice: self.advice,
        }
    }
}

fn example(org: i64, id_of: &str, id: Option<Id>, about: &str, code: Option<String>) -> Example {
    let place = id.map_or_else(String::new, |id| format!(", {id_of} {}", id.0));
    Example { text: format!("organisation {org}{place}: {about}"), code }
}

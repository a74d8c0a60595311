//! Looks a whole database over, as it was at one moment, for what breaks the invariants. Changes nothing.
//!
//! What is looked for is in `invariants`, as statements that both databases understand, and in `spellings`, for what no
//! statement can tell.

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
use super::{DatabaseUrl, OpenError, log, postgres, rows::Id, schema::PublicId, sqlite};

/// So many examples at most are told of what breaks an invariant.
const EXAMPLES: usize = 20;

/// What came of looking for what breaks an invariant.
#[derive(Debug)]
pub struct Checked {
    /// What holds in a sound database.
    pub invariant: &'static str,
    /// How it may have come to be broken while all is as it should be, if it may.
    pub excuse: Option<&'static str>,
    /// How often it is broken.
    pub broken: u64,
    /// The first places where it is.
    pub examples: Vec<Example>,
    /// What an operator can do about it.
    pub advice: &'static str,
}

/// A place where an invariant is broken.
#[derive(Debug)]
pub struct Example {
    /// What is wrong, with the organisation and an id.
    pub text: String,
    /// The code that it is about, if it is about one.
    pub code: Option<String>,
}

/// What holds in a sound database, in the order of the checks.
pub fn invariants() -> impl Iterator<Item = &'static str> {
    INVARIANTS.iter().map(|invariant| invariant.name).chain(iter::once(spellings::INVARIANT))
}

/// Checks every invariant, and sends what came of it as soon as it is known. The tables must be up to date.
pub async fn check(url: &DatabaseUrl, found: UnboundedSender<Checked>) -> Result<(), OpenError> {
    log::install();
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.clone();
            tokio::task::spawn_blocking(move || check_sqlite(&mut sqlite::look_over(&path)?, &found)).await?
        }
        DatabaseUrl::Postgres(url) => check_postgres(&mut *postgres::look_over(url.expose()).await?, &found).await,
    }
}

fn check_sqlite(connection: &mut SqliteConnection, found: &UnboundedSender<Checked>) -> Result<(), OpenError> {
    use diesel::{Connection, RunQueryDsl, connection::DefaultLoadingMode};

    // What it has read once it goes on seeing as it was, whatever others write.
    connection.transaction(|connection| {
        for invariant in &INVARIANTS {
            tell(found, invariant.checked(diesel::sql_query(invariant.statement()).load(connection)?));
        }
        let mut spellings = Spellings::default();
        for code in spellings::codes().load_iter::<_, DefaultLoadingMode>(connection)? {
            spellings.check(code?);
        }
        tell(found, spellings.checked());
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
                tell(found, invariant.checked(diesel::sql_query(invariant.statement()).load(connection).await?));
            }
            let mut spellings = Spellings::default();
            let mut codes = spellings::codes().load_stream(connection).await?;
            while let Some(code) = codes.try_next().await? {
                spellings.check(code);
            }
            tell(found, spellings.checked());
            Ok(())
        })
        .await
}

fn tell(found: &UnboundedSender<Checked>, checked: Checked) {
    // Whoever asked may have stopped listening.
    let _ = found.send(checked);
}

/// Where an invariant is broken.
#[derive(QueryableByName)]
struct Broken {
    #[diesel(sql_type = BigInt)]
    org_id: i64,
    #[diesel(sql_type = PublicId)]
    id: Id,
    #[diesel(sql_type = Text)]
    about: String,
    #[diesel(sql_type = Nullable<Text>)]
    code: Option<String>,
    /// In how many places it is.
    #[diesel(sql_type = BigInt)]
    times: i64,
}

impl Invariant {
    /// One statement for the number and the examples, so that the tables are read once.
    ///
    /// Materialised, since PostgreSQL would otherwise plan for the first few rows: it takes it that there are many, and
    /// where there are none such a plan takes many minutes instead of seconds.
    fn statement(&self) -> String {
        format!(
            "WITH broken AS MATERIALIZED ({}) SELECT org_id, id, about, code, count(*) OVER () AS times FROM broken \
             ORDER BY org_id, id LIMIT {EXAMPLES}",
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

fn example(org: i64, id_of: &str, id: Id, about: &str, code: Option<String>) -> Example {
    Example { text: format!("organisation {org}, {id_of} {}: {about}", id.0), code }
}

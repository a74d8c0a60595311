//! The migration that folds stored codes again, by the rules of this version of the program.
//!
//! It reads codes page by page, and collects changes in a temporary table, so that any number of codes takes little memory
//! and nothing is locked meanwhile. It changes codes and promotions only if no two codes would become one, all in the
//! migration's transaction.

mod statements;

use std::{
    fmt,
    marker::PhantomData,
    time::{Duration, Instant},
};

use diesel::{
    QueryResult,
    backend::Backend,
    connection::BoxableConnection,
    migration::{self, Migration, MigrationMetadata, MigrationName, MigrationVersion},
};

pub use self::statements::PgConnection;
use self::statements::{CHANGES, Collision, FoldingConnection, NOTES, Refolded, Stored};
use crate::promotions::Code;

/// The migration's name. When the result of folding changes, add another migration of this kind.
const NAME: &str = "2026-11-27-000000_fold_codes";

/// Codes per page: few enough for one statement to insert all of them. `codes_after.sql` has the same number.
const PAGE: usize = 10_000;

/// Time between two log lines about progress.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// The most collisions that are listed. `collisions.sql` has the same number.
const MAX_LISTED: usize = 1_000;

/// Pairs of codes would become one, so nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error(
    "{all} pairs of codes that were different for earlier versions would become one, so nothing was changed: `promolink \
     migrate` lists them"
)]
pub struct Collisions {
    listed: Vec<Collision>,
    all: i64,
}

impl Collisions {
    /// One line for each of the first pairs, with the codes in full.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let beyond = (self.all.unsigned_abs() > MAX_LISTED as u64).then(|| format!("of {} pairs", self.all));
        self.listed.iter().map(ToString::to_string).chain(beyond)
    }
}

/// Folds all codes again, within an open transaction. Returns the number of changed codes.
pub fn fold_codes<C: FoldingConnection>(connection: &mut C) -> migration::Result<usize> {
    connection.batch_execute(NOTES)?;
    let changed = note_changes(connection)?;
    if changed > 0 {
        connection.batch_execute("ANALYZE refolded;")?;
        let listed = connection.collisions()?;
        if let Some(all) = listed.first().map(|collision| collision.times) {
            return Err(Collisions { listed, all }.into());
        }
        connection.batch_execute(C::DROP_FOREIGN_KEY)?;
        connection.batch_execute(CHANGES)?;
        connection.batch_execute(C::ADD_FOREIGN_KEY)?;
    }
    connection.batch_execute("DROP TABLE refolded;")?;
    Ok(changed)
}

/// Reads all codes, and collects those whose folded text changes. Returns their number.
fn note_changes(connection: &mut impl FoldingConnection) -> QueryResult<usize> {
    let (mut seen, mut changed, mut invisible, mut logged) = (0, 0, 0, Instant::now());
    // Before all codes: organisations have no negative numbers.
    let mut last = Stored { org_id: -1, mode: 0, folded: String::new(), code: String::new() };
    loop {
        let page = connection.codes_after(&last)?;
        seen += page.len();
        let is_last = page.len() < PAGE;
        let mut notes = Vec::new();
        for stored in page {
            match Code::parse(&stored.code) {
                Ok(code) if code.folded().as_str() != stored.folded => notes.push(Refolded {
                    org_id: stored.org_id,
                    mode: stored.mode,
                    between_both: format!("\u{1}{}", stored.folded),
                    old: stored.folded.clone(),
                    new: code.into_folded().into_text(),
                }),
                Ok(_) => {}
                // It has no visible character. Its present folded text is as good as any other.
                Err(_) => invisible += 1,
            }
            last = stored;
        }
        changed += connection.note(&notes)?;
        if logged.elapsed() >= LOG_INTERVAL {
            tracing::info!(codes = seen, changed, "folding codes");
            logged = Instant::now();
        }
        if is_last {
            break;
        }
    }
    if invisible > 0 {
        tracing::warn!(codes = invisible, "codes without a visible character can't be found by any spelling");
    }
    Ok(changed)
}

/// The migration, on a connection of this type.
pub struct FoldCodes<C>(pub PhantomData<C>);

impl<DB, C> Migration<DB> for FoldCodes<C>
where
    DB: Backend + 'static,
    C: FoldingConnection + diesel::Connection<Backend = DB> + 'static,
{
    fn run(&self, connection: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        let connection = connection.downcast_mut::<C>().ok_or("the connection is of another type")?;
        let changed = fold_codes(connection)?;
        tracing::info!(changed, "codes are folded as this version folds the spellings of callers");
        Ok(())
    }

    fn revert(&self, _: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        Err("the earlier folded texts of codes are not stored".into())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        &InTransaction
    }

    fn name(&self) -> &dyn MigrationName {
        &Name
    }
}

struct InTransaction;

impl MigrationMetadata for InTransaction {}

struct Name;

impl MigrationName for Name {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from("20261127000000")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

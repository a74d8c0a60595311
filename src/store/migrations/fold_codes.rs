//! The migration that folds stored codes again, by the rules of this version of the program.
//!
//! Codes are looked at page by page, and what changes is noted in a temporary table: any number of codes takes little
//! memory, and nothing else is locked meanwhile. Only if no two codes would become one are codes and promotions changed,
//! all in the migration's transaction.

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

/// The migration's name. Where what folding returns changes, add another one of the same kind.
const NAME: &str = "2026-11-27-000000_fold_codes";

/// Codes that are looked at together: few enough for one statement that notes all of them.
const PAGE: usize = 10_000;

/// How often the log tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// The most collisions that are listed.
const MAX_LISTED: usize = 1_000;

/// Codes that would become one, so that nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error(
    "{all} pairs of codes that differ for earlier versions would become one, so nothing was changed: `promolink migrate` \
     lists them"
)]
pub struct Collisions {
    listed: Vec<Collision>,
    all: i64,
}

impl Collisions {
    /// A line for each of the first pairs, with the codes in full.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let beyond = (self.all.unsigned_abs() > MAX_LISTED as u64).then(|| format!("of {} pairs", self.all));
        self.listed.iter().map(ToString::to_string).chain(beyond)
    }
}

/// Folds all codes again, in the transaction that is open. Returns how many have changed.
pub fn fold_codes<C: FoldingConnection>(connection: &mut C) -> migration::Result<usize> {
    connection.batch_execute(NOTES)?;
    let changed = note_changes(connection)?;
    if changed > 0 {
        connection.batch_execute("ANALYZE refolded;")?;
        let listed = connection.collisions()?;
        if let Some(all) = listed.first().map(|collision| collision.times) {
            return Err(Collisions { listed, all }.into());
        }
        connection.batch_execute(C::UNBIND)?;
        connection.batch_execute(CHANGES)?;
        connection.batch_execute(C::BIND)?;
    }
    connection.batch_execute("DROP TABLE refolded;")?;
    Ok(changed)
}

/// Looks at all codes, and notes those whose folded text changes. Returns how many there are.
fn note_changes(connection: &mut impl FoldingConnection) -> QueryResult<usize> {
    let (mut seen, mut changed, mut unspoken, mut told) = (0, 0, 0, Instant::now());
    // Before all others: no organisation has a number below 0.
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
                // Nothing of it can be seen. What it is found by so far is as good as anything else.
                Err(_) => unspoken += 1,
            }
            last = stored;
        }
        changed += connection.note(&notes)?;
        if told.elapsed() >= TOLD_EVERY {
            tracing::info!(codes = seen, changed, "folding codes");
            told = Instant::now();
        }
        if is_last {
            break;
        }
    }
    if unspoken > 0 {
        tracing::warn!(codes = unspoken, "codes without a visible character can't be found by any spelling");
    }
    Ok(changed)
}

/// The migration, by a connection of this type.
pub struct FoldCodes<C>(pub PhantomData<C>);

impl<DB, C> Migration<DB> for FoldCodes<C>
where
    DB: Backend + 'static,
    C: FoldingConnection + diesel::Connection<Backend = DB> + 'static,
{
    fn run(&self, connection: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        let connection = connection.downcast_mut::<C>().ok_or("the connection is of another type")?;
        let changed = fold_codes(connection)?;
        tracing::info!(changed, "codes are folded as this version folds what callers spell");
        Ok(())
    }

    fn revert(&self, _: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        Err("how codes were folded before is not known any more".into())
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

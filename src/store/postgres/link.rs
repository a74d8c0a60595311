//! Linking in PostgreSQL: locks first, then reads, each in one statement for the whole batch.
//!
//! A transaction without writes ends with ROLLBACK. Locking a row takes a transaction id, and the COMMIT of a transaction
//! that has one waits for the disk: its duration would reveal which codes exist.
//!
//! Statements that don't depend on each other's results are pipelined. A batch costs two round trips, or three if
//! campaigns limit what customers hold.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use diesel::QueryResult;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{join, join3};

use super::statements;
use crate::{
    promotions::{
        CodeState, LinkCheck, LinkOutcome, LinkRequest, NewEvent, OnLocked, OrgId, Promotion, PromotionCode, Timestamp,
        WorkingSet, check, decide,
    },
    store::{
        error::StoreResult,
        rows::{CampaignRow, CodeRow, HeldKey, HoldRow, Id, code_key},
    },
};

/// Links a batch in a transaction of its own. After an error the transaction may still be open.
///
/// All statements use the connection's cache of prepared statements, which sends them in the order in which they are
/// joined, whether they are prepared or not. So the transaction begins and ends where it must.
pub async fn link(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    on_locked: OnLocked,
    now: Timestamp,
) -> StoreResult<Vec<Option<LinkOutcome>>> {
    let working_set = read_working_set(connection, requests, Some(on_locked));
    let (begun, set) = join(statements::Begin.execute(&mut &*connection), working_set).await;
    begun?;
    let decisions = decide(set?, requests, now);
    let new: Vec<&Promotion> = decisions.new_promotions().collect();
    if new.is_empty() {
        statements::Rollback.execute(&mut &*connection).await?;
    } else {
        let events = decisions.events(requests, now);
        let commit = statements::Commit.execute(&mut &*connection);
        let (written, committed) = join(write(connection, &new, &events), commit).await;
        // A COMMIT after a failed statement rolls back and reports success: the failure must come first.
        written?;
        committed?;
    }
    Ok(decisions.outcomes)
}

/// Links a batch within an open transaction. Waits for locks.
pub async fn link_in_transaction(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    now: Timestamp,
) -> StoreResult<Vec<Option<LinkOutcome>>> {
    let set = read_working_set(connection, requests, Some(OnLocked::Wait)).await?;
    let decisions = decide(set, requests, now);
    let new: Vec<&Promotion> = decisions.new_promotions().collect();
    if !new.is_empty() {
        write(connection, &new, &decisions.events(requests, now)).await?;
    }
    Ok(decisions.outcomes)
}

/// What linking would decide about each request. Locks nothing.
pub async fn check_links(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    now: Timestamp,
) -> StoreResult<Vec<LinkCheck>> {
    let set = read_working_set(connection, requests, None).await?;
    Ok(requests.iter().map(|request| check(&set, request, now)).collect())
}

async fn write(connection: &AsyncPgConnection, new: &[&Promotion], events: &[NewEvent]) -> QueryResult<()> {
    let (inserted, counted, recorded) = join3(
        statements::InsertPromotions::new(new).execute(&mut &*connection),
        statements::CountLinks::new(new).execute(&mut &*connection),
        statements::InsertEvents::new(events).execute(&mut &*connection),
    )
    .await;
    inserted.and(counted).and(recorded).map(drop)
}

/// Locks the codes of a batch, if they are to be linked, and reads what the rules look at. Each statement sees what was
/// committed before it began, so the holds are read by a statement of their own after the locks are taken: no other
/// transaction can add one then.
async fn read_working_set(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    lock: Option<OnLocked>,
) -> StoreResult<WorkingSet> {
    let (codes, holds) = join(
        read_codes(connection, requests, lock),
        statements::ReadHolds::new(requests).load::<HoldRow>(&mut &*connection),
    )
    .await;
    let mut set = WorkingSet::default();
    let mut campaigns = HashMap::new();
    for (org, mode, folded, code, campaign) in codes? {
        let (Some(code), Some(campaign)) = (code, campaign) else {
            set.locked.insert(code_key(org, mode, folded)?);
            continue;
        };
        let code: PromotionCode = code.try_into()?;
        let campaign = match campaigns.entry((code.org, code.campaign_id)) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(campaign.try_into()?))),
        };
        set.codes.insert(code.key(), CodeState { code, campaign, holds: HashMap::new() });
    }
    for row in holds? {
        let key = code_key(row.org_id, row.mode, row.folded.clone())?;
        if let Some(state) = set.codes.get_mut(&key) {
            let promotion = row.into_promotion(&state.code, &state.campaign)?;
            state.holds.insert(promotion.customer_id, promotion);
        }
    }
    count_held(connection, requests, lock.is_some(), &mut set).await?;
    Ok(set)
}

/// The key of an existing code, and the code and its campaign unless they were skipped.
type CodeAndCampaign = (i64, i16, String, Option<CodeRow>, Option<CampaignRow>);

async fn read_codes(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    lock: Option<OnLocked>,
) -> QueryResult<Vec<CodeAndCampaign>> {
    use statements::{LOCKED, LOCKED_OR_SKIPPED, ReadCodes, UNLOCKED};
    let keys = requests.iter().map(|request| &request.key).collect();
    match lock {
        Some(OnLocked::Skip) => ReadCodes::<LOCKED_OR_SKIPPED>::new(keys).load(&mut &*connection).await,
        Some(OnLocked::Wait) => ReadCodes::<LOCKED>::new(keys).load(&mut &*connection).await,
        None => ReadCodes::<UNLOCKED>::new(keys).load(&mut &*connection).await,
    }
}

/// Counts the holds of customers whose number is limited, and locks these customers if their codes are to be linked. All
/// processes lock them after the codes, so that there are no deadlocks.
async fn count_held(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    locks: bool,
    set: &mut WorkingSet,
) -> StoreResult<()> {
    let limited: BTreeSet<HeldKey> = requests
        .iter()
        .filter_map(|request| {
            let campaign = &set.codes.get(&request.key)?.campaign;
            campaign.max_links_per_customer.map(|_| (campaign.org, campaign.id, request.customer_id))
        })
        .collect();
    if limited.is_empty() {
        return Ok(());
    }
    let count = statements::CountHeld::new(&limited).load::<(i64, Id, i64, i64)>(&mut &*connection);
    let counts = if locks {
        let lock = statements::AdvisoryLocks::customers(&limited);
        let (locked, counts) = join(lock.execute(&mut &*connection), count).await;
        locked?;
        counts
    } else {
        count.await
    };
    for (org, campaign, customer, held) in counts? {
        set.held.insert((org.try_into()?, campaign.0.into(), customer.try_into()?), u32::try_from(held)?);
    }
    Ok(())
}

/// The organisations of the promotions that are new: they have the ids of their requests.
pub fn orgs_with_new_links<'a>(
    requests: &'a [LinkRequest],
    outcomes: &'a [Option<LinkOutcome>],
) -> impl Iterator<Item = OrgId> + 'a {
    let links = requests.iter().zip(outcomes);
    let new = links.filter(|(request, outcome)| matches!(outcome, Some(Ok(promotion)) if promotion.id == request.id));
    new.map(|(request, _)| request.key.org)
}

//! What the rules of linking look at.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use diesel::{QueryResult, Queryable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::join;

use crate::{
    promotions::{CodeState, LinkRequest, OnLocked, OrgId, PromotionCode, WorkingSet},
    store::{
        error::StoreResult,
        postgres::{
            pipeline::pipeline,
            statements::{self, LimitedCustomers},
        },
        rows::{CampaignRow, CodeRow, HoldRow, Id, code_key},
    },
};

/// How codes and customers are locked.
#[derive(Debug, Clone, Copy)]
pub struct Lock {
    pub on_locked: OnLocked,
    /// Whether the tables are distributed.
    pub is_distributed: bool,
}

/// Locks the codes of a batch, if they are to be linked, and reads what the rules look at.
pub async fn read_working_set(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    lock: Option<Lock>,
) -> StoreResult<WorkingSet> {
    let mut by_org: BTreeMap<OrgId, Vec<&LinkRequest>> = BTreeMap::new();
    for request in requests {
        by_org.entry(request.key.org).or_default().push(request);
    }
    let codes = pipeline(by_org.iter().map(async |(org, requests)| {
        statements::ReadCodes::new(*org, requests, lock.map(|lock| lock.on_locked))
            .load::<CodeInFull>(&mut &*connection)
            .await
    }))
    .await;
    let (mut set, mut outdated) = (WorkingSet::default(), Vec::new());
    for ((org, requests), codes) in by_org.iter().zip(codes) {
        if !add_codes(&mut set, *org, codes?)? {
            outdated.push((*org, requests));
        }
    }
    read_holds(connection, &outdated, &mut set).await?;
    count_held(connection, requests, lock, &mut set).await?;
    Ok(set)
}

/// A code that exists.
#[derive(Queryable)]
struct CodeInFull {
    mode: i16,
    folded: String,
    /// Whether no hold was added between the reading of the holds and the lock.
    is_current: Option<bool>,
    /// The code and its campaign, unless they were skipped.
    code: Option<CodeRow>,
    campaign: Option<CampaignRow>,
    /// The columns of the holds.
    customers: Option<Vec<i64>>,
    ids: Option<Vec<Id>>,
    created_on: Option<Vec<i64>>,
    redemption_counts: Option<Vec<i32>>,
}

impl CodeInFull {
    fn take_holds(&mut self, org: OrgId) -> impl Iterator<Item = HoldRow> + use<> {
        let (mode, folded) = (self.mode, self.folded.clone());
        let ids = self.ids.take().into_iter().flatten();
        let created_on = self.created_on.take().into_iter().flatten();
        let redemption_counts = self.redemption_counts.take().into_iter().flatten();
        let rows = self.customers.take().into_iter().flatten().zip(ids).zip(created_on).zip(redemption_counts);
        rows.map(move |(((customer_id, id), created_on), redemption_count)| HoldRow {
            org_id: org.get(),
            mode,
            folded: folded.clone(),
            customer_id,
            id,
            created_on,
            redemption_count,
        })
    }
}

/// Adds codes of an organisation with their holds. Returns whether all holds are current.
fn add_codes(set: &mut WorkingSet, org: OrgId, codes: Vec<CodeInFull>) -> StoreResult<bool> {
    let (mut campaigns, mut all_current) = (HashMap::new(), true);
    for mut row in codes {
        let holds = row.take_holds(org);
        let (Some(code), Some(campaign)) = (row.code, row.campaign) else {
            set.locked.insert(code_key(org.get(), row.mode, row.folded)?);
            continue;
        };
        all_current &= row.is_current == Some(true);
        let code: PromotionCode = code.try_into()?;
        let campaign = match campaigns.entry(code.campaign_id) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(campaign.try_into()?))),
        };
        let mut state = CodeState { code, campaign, holds: HashMap::new() };
        for hold in holds {
            add_hold(&mut state, hold)?;
        }
        set.codes.insert(state.code.key(), state);
    }
    Ok(all_current)
}

fn add_hold(state: &mut CodeState, row: HoldRow) -> StoreResult<()> {
    let promotion = row.into_promotion(&state.code, &state.campaign)?;
    state.holds.insert(promotion.customer_id, promotion);
    Ok(())
}

/// Reads the holds of organisations again, by statements that begin after their codes are locked: no other transaction can
/// add one then.
async fn read_holds(
    connection: &AsyncPgConnection,
    outdated: &[(OrgId, &Vec<&LinkRequest>)],
    set: &mut WorkingSet,
) -> StoreResult<()> {
    let rows = pipeline(outdated.iter().map(async |(org, requests)| {
        let keys = requests.iter().map(|request| (request.key.mode, &request.key.folded, request.customer_id));
        statements::ReadHolds::new(*org, keys).load::<HoldRow>(&mut &*connection).await
    }))
    .await;
    for ((_, requests), rows) in outdated.iter().zip(rows) {
        for request in *requests {
            if let Some(state) = set.codes.get_mut(&request.key) {
                state.holds.clear();
            }
        }
        for row in rows? {
            let key = code_key(row.org_id, row.mode, row.folded.clone())?;
            if let Some(state) = set.codes.get_mut(&key) {
                add_hold(state, row)?;
            }
        }
    }
    Ok(())
}

/// Counts the holds of customers whose number is limited, and locks these customers if their codes are to be linked. All
/// processes lock them after the codes of all organisations, so that there are no deadlocks.
async fn count_held(
    connection: &AsyncPgConnection,
    requests: &[LinkRequest],
    lock: Option<Lock>,
    set: &mut WorkingSet,
) -> StoreResult<()> {
    let mut limited = LimitedCustomers::new();
    for request in requests {
        if let Some(CodeState { campaign, .. }) = set.codes.get(&request.key)
            && campaign.max_links_per_customer.is_some()
        {
            limited.entry(campaign.org).or_default().insert((campaign.id, request.customer_id));
        }
    }
    if limited.is_empty() {
        return Ok(());
    }
    let counts = pipeline(limited.iter().map(async |(org, customers)| {
        statements::CountHeld::new(*org, customers).load::<(Id, i64, i64)>(&mut &*connection).await
    }));
    let counts = if let Some(lock) = lock {
        let (locked, counts) = join(lock_customers(connection, lock, &limited), counts).await;
        locked?;
        counts
    } else {
        counts.await
    };
    for (org, counts) in limited.keys().zip(counts) {
        for (campaign, customer, held) in counts? {
            set.held.insert((*org, campaign.0.into(), customer.try_into()?), u32::try_from(held)?);
        }
    }
    Ok(())
}

async fn lock_customers(connection: &AsyncPgConnection, lock: Lock, customers: &LimitedCustomers) -> QueryResult<()> {
    let rows = statements::LockCustomers::new(customers, lock.is_distributed);
    let rows = rows.execute(&mut &*connection);
    if lock.is_distributed {
        // Earlier versions can't serve it.
        return rows.await.map(drop);
    }
    let earlier = statements::AdvisoryLocks::new(customers);
    let (earlier, rows) = join(earlier.execute(&mut &*connection), rows).await;
    earlier.and(rows).map(drop)
}

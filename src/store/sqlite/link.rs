//! Linking in SQLite: lookups of single rows by prepared statements, which take microseconds in-process.
//!
//! They return at most one row, and have no limit: Diesel would bind it as a value, and SQLite plans by the value of a
//! limit, so that it would prepare the statement again each time.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use diesel::{
    dsl::count_star,
    prelude::*,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, SmallInt, Text},
    sqlite::Sqlite,
};

use super::events;
use crate::{
    promotions::{
        Campaign, CodeKey, CodeState, LinkCheck, LinkOutcome, LinkRequest, Promotion, PromotionCode, Timestamp,
        WorkingSet, check, decide,
    },
    store::{
        error::StoreResult,
        keyed,
        promotion_conditions::Counts,
        rows::{CampaignRow, CodeRow, HoldRow, Id, NewPromotionRow, key_columns},
        schema::promotions,
    },
};

/// Links a batch within an open transaction.
pub fn link(
    connection: &mut SqliteConnection,
    requests: &[LinkRequest],
    now: Timestamp,
) -> StoreResult<Vec<Option<LinkOutcome>>> {
    let set = read_working_set(connection, requests)?;
    let decisions = decide(set, requests, now);
    for promotion in decisions.new_promotions() {
        insert_hold(connection, promotion)?;
    }
    events::record(connection, &decisions.events(requests, now))?;
    Ok(decisions.outcomes)
}

/// What linking would decide about each request.
pub fn check_links(
    connection: &mut SqliteConnection,
    requests: &[LinkRequest],
    now: Timestamp,
) -> StoreResult<Vec<LinkCheck>> {
    let set = read_working_set(connection, requests)?;
    Ok(requests.iter().map(|request| check(&set, request, now)).collect())
}

fn read_working_set(connection: &mut SqliteConnection, requests: &[LinkRequest]) -> StoreResult<WorkingSet> {
    let mut set = WorkingSet::default();
    let mut campaigns = HashMap::new();
    for request in requests {
        if !set.codes.contains_key(&request.key) {
            let Some(code) = read_code(connection, &request.key)? else { continue };
            let campaign = match campaigns.entry((code.org, code.campaign_id)) {
                Entry::Occupied(entry) => Arc::clone(entry.get()),
                Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(read_campaign(connection, &code)?))),
            };
            set.codes.insert(request.key.clone(), CodeState { code, campaign, holds: HashMap::new() });
        }
        let Some(state) = set.codes.get_mut(&request.key) else { continue };
        if let Some(hold) = read_hold(connection, request)? {
            state.holds.insert(request.customer_id, hold.into_promotion(&state.code, &state.campaign)?);
        }
        let held_key = (request.key.org, state.campaign.id, request.customer_id);
        if state.campaign.max_links_per_customer.is_some() && !set.held.contains_key(&held_key) {
            let held: i64 = promotions::table
                .filter(promotions::org_id.eq(request.key.org.get()))
                .filter(promotions::customer_id.eq(request.customer_id.get()))
                .filter(promotions::campaign_id.eq(Id(state.campaign.id.get())))
                .filter(Counts)
                .select(count_star())
                .get_result(connection)?;
            set.held.insert(held_key, u32::try_from(held)?);
        }
    }
    Ok(set)
}

fn read_code(connection: &mut SqliteConnection, key: &CodeKey) -> StoreResult<Option<PromotionCode>> {
    let (org, mode, folded) = key_columns(key);
    let row: Option<CodeRow> =
        keyed::code(org, mode, folded).select(CodeRow::as_select()).get_result(connection).optional()?;
    row.map(TryInto::try_into).transpose()
}

fn read_campaign(connection: &mut SqliteConnection, code: &PromotionCode) -> StoreResult<Campaign> {
    let row: CampaignRow = keyed::campaign(code.org.get(), Id(code.campaign_id.get()))
        .select(CampaignRow::as_select())
        .get_result(connection)?;
    row.try_into()
}

fn read_hold(connection: &mut SqliteConnection, request: &LinkRequest) -> StoreResult<Option<HoldRow>> {
    let (org, mode, folded) = key_columns(&request.key);
    Ok(keyed::standing_hold(org, mode, folded, request.customer_id.get())
        .select(HoldRow::as_select())
        .get_result(connection)
        .optional()?)
}

/// Inserts a hold and adds it to its code's link count. The table's constraint rejects more than `max_links`.
fn insert_hold(connection: &mut SqliteConnection, promotion: &Promotion) -> StoreResult<()> {
    let row = NewPromotionRow::from(promotion);
    CountLink(&row).execute(connection)?;
    diesel::insert_into(promotions::table).values(&row).execute(connection)?;
    Ok(())
}

/// Adds a hold to its code's link count. Diesel does not keep updates of its own prepared, and parsing this one would take
/// longer than everything else that a link does in the database.
struct CountLink<'a>(&'a NewPromotionRow);

impl QueryId for CountLink<'_> {
    type QueryId = CountLink<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for CountLink<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE promotion_codes SET link_count = link_count + 1 WHERE org_id = ");
        out.push_bind_param::<BigInt, _>(&self.0.org_id)?;
        out.push_sql(" AND mode = ");
        out.push_bind_param::<SmallInt, _>(&self.0.mode)?;
        out.push_sql(" AND folded = ");
        out.push_bind_param::<Text, _>(&self.0.folded)
    }
}

impl RunQueryDsl<SqliteConnection> for CountLink<'_> {}

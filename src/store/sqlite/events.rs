//! Events in SQLite. Only one transaction at a time writes, so each gives its events their positions itself.

use async_trait::async_trait;
use diesel::{
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::BigInt,
    sqlite::Sqlite,
};

use super::SqliteStore;
use crate::{
    promotions::{
        AgeLimit, Event, EventPage, EventReads, EventRepository, EventType, FeedBounds, NewEvent, OrgId, Removed,
    },
    store::{
        actor_names,
        error::StoreResult,
        event_page::SelectPage,
        keyed,
        rows::{EventRow, NewEventRow, event_type_to_db, into_domain},
        schema::{api_keys, event_feeds, events},
    },
};

/// Records events within an open transaction, in this order.
pub fn record(connection: &mut SqliteConnection, new: &[NewEvent]) -> StoreResult<()> {
    for events_of_org in new.chunk_by(|one, next| one.org == next.org) {
        let (first, count) = (&events_of_org[0], i64::try_from(events_of_org.len())?);
        let latest = events_of_org.iter().map(|event| event.occurred_on.millis()).max().unwrap_or_default();
        let taken: (i64, i64) = TakePositions { org: first.org.get(), count, latest }.get_result(connection)?;
        let (last_position, occurred_on) = taken;
        for (position, event) in (last_position - count + 1..).zip(events_of_org) {
            let row = NewEventRow { occurred_on, ..event.into() };
            diesel::insert_into(events::table).values((events::position.eq(position), row)).execute(connection)?;
        }
    }
    Ok(())
}

/// Takes the next positions of an organisation. Returns the last of them, and when its events occur: no earlier than those
/// before.
struct TakePositions {
    org: i64,
    count: i64,
    /// When the last of the events was made.
    latest: i64,
}

impl QueryId for TakePositions {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for TakePositions {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT INTO event_feeds (org_id, last_position, last_occurred_on) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.org)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.latest)?;
        out.push_sql(
            ") ON CONFLICT (org_id) DO UPDATE SET last_position = last_position + excluded.last_position, \
             last_occurred_on = max(last_occurred_on, excluded.last_occurred_on) \
             RETURNING last_position, last_occurred_on",
        );
        Ok(())
    }
}

impl Query for TakePositions {
    type SqlType = (BigInt, BigInt);
}

impl RunQueryDsl<SqliteConnection> for TakePositions {}

fn read_bounds(connection: &mut SqliteConnection, org: i64) -> StoreResult<FeedBounds> {
    let columns = (event_feeds::first_position, event_feeds::last_position);
    let bounds = keyed::feed(org).select(columns).get_result(connection).optional()?;
    Ok(bounds.map_or(FeedBounds::EMPTY, |(first, last)| FeedBounds { first, last }))
}

#[async_trait]
impl EventReads for SqliteStore {
    async fn feed_bounds(&self, org: OrgId) -> StoreResult<FeedBounds> {
        self.read(move |connection| read_bounds(connection, org.get())).await
    }

    async fn events(&self, org: OrgId, page: &EventPage) -> StoreResult<Vec<Event>> {
        let page = SelectPage::new(org, page);
        self.read(move |connection| {
            let mut events = into_domain::<EventRow, _>(page.load(connection)?)?;
            let keys = actor_names::key_ids(&events);
            if !keys.is_empty() {
                let names = keyed::api_keys_by_id(org.get(), keys).select((api_keys::id, api_keys::name));
                actor_names::add(&mut events, names.load(connection)?);
            }
            Ok(events)
        })
        .await
    }

    async fn count_events(&self, org: OrgId, types: &[EventType], after: i64) -> StoreResult<i64> {
        if types.is_empty() {
            // Positions have no gaps.
            let FeedBounds { first, last } = self.feed_bounds(org).await?;
            return Ok((last - after.max(first - 1)).max(0));
        }
        let types = types.iter().map(|event_type| event_type_to_db(*event_type)).collect();
        let query = keyed::count_events_after(org.get(), types, after);
        self.read(move |connection| Ok(query.get_result(connection)?)).await
    }
}

#[async_trait]
impl EventRepository for SqliteStore {
    async fn settle(&self) -> StoreResult<()> {
        // Events have their positions when they are committed.
        Ok(())
    }

    async fn remove_events(&self, age: AgeLimit, limit: u32) -> StoreResult<Removed> {
        let old = keyed::feeds_with_events_before(age.before.millis());
        let feeds: Vec<i64> = self.read(move |connection| Ok(old.load(connection)?)).await?;
        let mut removed = Removed::default();
        for org in feeds {
            removed += self.write(move |connection| remove(connection, org, age, limit)).await?;
        }
        Ok(removed)
    }
}

fn remove(connection: &mut SqliteConnection, org: i64, age: AgeLimit, limit: u32) -> StoreResult<Removed> {
    let bounds = read_bounds(connection, org)?;
    let mut limits = [None; 2];
    for (first, before) in limits.iter_mut().zip([age.before, age.in_any_case_before]) {
        *first = keyed::first_position_since(org, before.millis()).limit(1).get_result(connection).optional()?;
    }
    let delivered = keyed::delivered_positions(org).limit(1).get_result(connection).optional()?;
    let until = bounds.removable_until(limits, delivered, limit);
    diesel::update(keyed::feed(org)).set(event_feeds::first_position.eq(until)).execute(connection)?;
    let removed = diesel::delete(keyed::events_between(org, bounds.first, until)).execute(connection)?;
    Ok(bounds.removed(removed, until, delivered))
}

//! Events in PostgreSQL. Changes write them to the outbox, and [`numbering`] gives them their positions.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::{PostgresStore, numbering, statements};
use crate::{
    promotions::{
        AgeLimit, Event, EventPage, EventReads, EventRepository, EventType, FeedBounds, NewEvent, OrgId, Removed,
    },
    store::{
        actor_names,
        error::StoreResult,
        event_page::SelectPage,
        keyed,
        rows::{EventRow, event_type_to_db, into_domain},
        schema::{api_keys, event_feeds},
    },
};

/// Records events of one organisation within an open transaction, in this order.
pub async fn record(connection: &mut AsyncPgConnection, events: &[NewEvent]) -> StoreResult<()> {
    if let Some(first) = events.first() {
        statements::InsertEvents::new(first.org, events).execute(connection).await?;
    }
    Ok(())
}

#[async_trait]
impl EventReads for PostgresStore {
    async fn feed_bounds(&self, org: OrgId) -> StoreResult<FeedBounds> {
        let query = keyed::feed(org.get()).select((event_feeds::first_position, event_feeds::last_position));
        self.run(async |connection| {
            let bounds = query.first(connection).await.optional()?;
            Ok(bounds.map_or(FeedBounds::EMPTY, |(first, last)| FeedBounds { first, last }))
        })
        .await
    }

    async fn events(&self, org: OrgId, page: &EventPage) -> StoreResult<Vec<Event>> {
        let page = SelectPage::new(org, page);
        self.run(async |connection| {
            let mut events = into_domain::<EventRow, _>(page.load(connection).await?)?;
            let keys = actor_names::key_ids(&events);
            if !keys.is_empty() {
                let names = keyed::api_keys_by_id(org.get(), keys).select((api_keys::id, api_keys::name));
                actor_names::add(&mut events, names.load(connection).await?);
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
        self.run(async |connection| Ok(query.first(connection).await?)).await
    }
}

#[async_trait]
impl EventRepository for PostgresStore {
    async fn settle(&self) -> StoreResult<()> {
        numbering::number_all(&self.connections).await
    }

    async fn remove_events(&self, age: AgeLimit, limit: u32) -> StoreResult<Removed> {
        let old = keyed::feeds_with_events_before(age.before.millis());
        let feeds: Vec<i64> = self.run(async |connection| Ok(old.load(connection).await?)).await?;
        let mut removed = Removed::default();
        for org in feeds {
            removed += self
                .run(async |connection| {
                    connection.transaction(async |connection| remove(connection, org, age, limit).await).await
                })
                .await?;
        }
        Ok(removed)
    }
}

/// Removes the oldest events of a feed. Its lock keeps out other processes that do the same.
async fn remove(connection: &mut AsyncPgConnection, org: i64, age: AgeLimit, limit: u32) -> StoreResult<Removed> {
    let columns = (event_feeds::first_position, event_feeds::last_position);
    let bounds = keyed::feed(org).select(columns).for_update().first(connection).await.optional()?;
    let Some((first, last)) = bounds else { return Ok(Removed::default()) };
    let bounds = FeedBounds { first, last };
    let mut limits = [None; 2];
    for (first, before) in limits.iter_mut().zip([age.before, age.in_any_case_before]) {
        *first = keyed::first_position_since(org, before.millis()).first(connection).await.optional()?;
    }
    let delivered = keyed::delivered_positions(org).first(connection).await.optional()?;
    let until = bounds.removable_until(limits, delivered, limit);
    diesel::update(keyed::feed(org)).set(event_feeds::first_position.eq(until)).execute(connection).await?;
    let removed = diesel::delete(keyed::events_between(org, bounds.first, until)).execute(connection).await?;
    Ok(bounds.removed(removed, until, delivered))
}

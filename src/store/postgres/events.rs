//! Events in PostgreSQL. Changes write them to the outbox, and [`numbering`] gives them their positions.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};

use super::{PostgresStore, numbering, statements};
use crate::{
    promotions::{Event, EventPage, EventReads, EventRepository, FeedBounds, NewEvent, OrgId, Timestamp},
    store::{
        actor_names,
        error::StoreResult,
        event_page::SelectPage,
        keyed,
        rows::{EventRow, into_domain},
        schema::{api_keys, event_feeds},
    },
};

/// Records events within an open transaction, in this order.
pub async fn record(connection: &mut AsyncPgConnection, events: &[NewEvent]) -> StoreResult<()> {
    statements::InsertEvents::new(events).execute(connection).await?;
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
}

#[async_trait]
impl EventRepository for PostgresStore {
    async fn settle(&self) -> StoreResult<()> {
        numbering::number_all(&self.connections).await
    }

    async fn remove_events(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let old = keyed::feeds_with_events_before(before.millis());
        let feeds: Vec<i64> = self.run(async |connection| Ok(old.load(connection).await?)).await?;
        let mut removed = 0;
        for org in feeds {
            removed += self
                .run(async |connection| {
                    connection.transaction(async |connection| remove(connection, org, before, limit).await).await
                })
                .await?;
        }
        Ok(removed)
    }
}

/// Removes the oldest events of a feed. Its lock keeps out other processes that do the same.
async fn remove(connection: &mut AsyncPgConnection, org: i64, before: Timestamp, limit: u32) -> StoreResult<u64> {
    let columns = (event_feeds::first_position, event_feeds::last_position);
    let bounds = keyed::feed(org).select(columns).for_update().first(connection).await.optional()?;
    let Some((first, last)) = bounds else { return Ok(0) };
    let bounds = FeedBounds { first, last };
    let kept = keyed::first_position_since(org, before.millis()).first(connection).await.optional()?;
    let until = bounds.removable_until(kept, limit);
    diesel::update(keyed::feed(org)).set(event_feeds::first_position.eq(until)).execute(connection).await?;
    let removed = diesel::delete(keyed::events_between(org, bounds.first, until)).execute(connection).await?;
    Ok(removed.try_into().unwrap_or(u64::MAX))
}

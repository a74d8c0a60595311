//! The feed of an organisation's events: what a store must offer to read it and to remove old events.

use std::ops::AddAssign;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    event::{Event, EventType},
    ids::{CampaignId, CustomerId, OrgId},
    repository::StoreError,
    time::Timestamp,
};

/// Which events to read. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct EventFilter {
    /// Only these types. Empty: all.
    pub types: Vec<EventType>,
    /// Only events of this campaign, its codes and its promotions.
    pub campaign_id: Option<CampaignId>,
    /// Only events of this customer's promotions.
    pub customer_id: Option<CustomerId>,
    /// Only changes by the API key with this id, or by this customer.
    pub actor: Option<EventActor>,
    /// Only events at this time or later.
    pub from: Option<Timestamp>,
    /// Only events at this time or earlier.
    pub to: Option<Timestamp>,
}

/// An actor with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventActor {
    /// The API key with this id.
    ApiKey(Uuid),
    /// This customer, with a token of their own.
    Customer(CustomerId),
}

/// The order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventOrder {
    /// By ascending position.
    OldestFirst,
    /// By descending position.
    NewestFirst,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventPage {
    /// Which events.
    pub filter: EventFilter,
    /// In which order.
    pub order: EventOrder,
    /// The position after which the page begins, in its order. `None`: the first page.
    pub after: Option<i64>,
    /// The most events to return.
    pub limit: u32,
}

/// Which events are old.
#[derive(Debug, Clone, Copy)]
pub struct AgeLimit {
    /// Events that occurred before this time are removed, unless an enabled webhook endpoint waits for them.
    pub before: Timestamp,
    /// Events that occurred before this time are removed in any case.
    pub in_any_case_before: Timestamp,
}

/// The events that were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many. Zero if no more can be removed.
    pub events: u64,
    /// How many of them an enabled webhook endpoint waited for.
    pub undelivered: u64,
}

impl AddAssign for Removed {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.undelivered += other.undelivered;
    }
}

/// The positions that an organisation's feed has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedBounds {
    /// The position of the oldest event that has not been removed. In an empty feed: `last` + 1.
    pub first: i64,
    /// The position of the newest event; 0 if there has never been one.
    pub last: i64,
}

impl FeedBounds {
    /// A feed without any event yet.
    pub const EMPTY: Self = Self { first: 1, last: 0 };

    /// The position after the oldest events to remove, at most `limit`: those that occurred before the age limit and were
    /// delivered, and those before the last limit in any case. The limits are given by the first position after them, or
    /// `None` if all events are older.
    pub(crate) fn removable_until(self, limits: [Option<i64>; 2], delivered: Option<i64>, limit: u32) -> i64 {
        let [age, last_limit] = limits.map(|first| first.unwrap_or(self.last + 1));
        let kept = delivered.map_or(age, |delivered| age.min((delivered + 1).max(last_limit)));
        kept.min(self.first + i64::from(limit)).max(self.first)
    }

    /// What was removed, given the number of events, and the positions up to which they were removed and delivered.
    pub(crate) fn removed(self, events: usize, until: i64, delivered: Option<i64>) -> Removed {
        let undelivered = delivered.map_or(0, |delivered| until - 1 - delivered.max(self.first - 1));
        Removed { events: events as u64, undelivered: u64::try_from(undelivered).unwrap_or(0) }
    }
}

/// Reads of events, from the primary store or a replica that lags behind it.
#[async_trait]
pub trait EventReads: Send + Sync + 'static {
    /// The positions that the feed has.
    async fn feed_bounds(&self, org: OrgId) -> Result<FeedBounds, StoreError>;

    /// A page of the feed, in its order.
    async fn events(&self, org: OrgId, page: &EventPage) -> Result<Vec<Event>, StoreError>;

    /// The number of events of these types after a position. No types: of all types.
    async fn count_events(&self, org: OrgId, types: &[EventType], after: i64) -> Result<i64, StoreError>;
}

/// The store of events. Changes record their events themselves.
#[async_trait]
pub trait EventRepository: EventReads {
    /// Returns when events that were committed before the call have their positions.
    async fn settle(&self) -> Result<(), StoreError>;

    /// Removes the oldest events from feeds of any organisation, at most `limit` of each.
    async fn remove_events(&self, age: AgeLimit, limit: u32) -> Result<Removed, StoreError>;
}

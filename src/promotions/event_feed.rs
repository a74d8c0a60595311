//! The feed of an organisation's events: what a store must offer to read it and to remove old events.

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

/// The positions that an organisation's feed has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedBounds {
    /// The position of the oldest event that has not been removed; one more than `last` if there is none.
    pub first: i64,
    /// The position of the newest event; 0 if there has never been one.
    pub last: i64,
}

impl FeedBounds {
    /// A feed without any event yet.
    pub const EMPTY: Self = Self { first: 1, last: 0 };

    /// The position after the oldest events that can be removed: at most `limit`, and only those before `kept`, the first
    /// one to keep.
    pub(crate) fn removable_until(self, kept: Option<i64>, limit: u32) -> i64 {
        kept.unwrap_or(self.last + 1).min(self.first + i64::from(limit)).max(self.first)
    }
}

/// Reads of events, from the primary store or a replica that lags behind it.
#[async_trait]
pub trait EventReads: Send + Sync + 'static {
    /// The positions that the feed has.
    async fn feed_bounds(&self, org: OrgId) -> Result<FeedBounds, StoreError>;

    /// A page of the feed, in its order.
    async fn events(&self, org: OrgId, page: &EventPage) -> Result<Vec<Event>, StoreError>;
}

/// The store of events. Changes record their events themselves.
#[async_trait]
pub trait EventRepository: EventReads {
    /// Returns when events that were committed before the call have their positions.
    async fn settle(&self) -> Result<(), StoreError>;

    /// Removes events that occurred before this time, the oldest first, from feeds of any organisation. Returns how many it
    /// removed: at most `limit` of each organisation, and zero if there are no more.
    async fn remove_events(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

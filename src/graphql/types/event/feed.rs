//! A page of the feed of an organisation's events.

use std::sync::Arc;

use async_graphql::{Context, Result};

use super::{Event, EventFilter, EventOrder, Long};
use crate::{
    auth::Principal,
    graphql::{
        error::{ApiError, invalid_input, log_store_error, position_expired},
        types::paging::{CursorKey, List, list, page},
    },
    promotions::{self, EventPage, EventReads, FeedBounds, MAX_SAFE_INTEGER, Page, StoreError},
};

/// The cursor of an event: its position.
#[derive(Debug, Clone, Copy)]
struct Position(i64);

impl CursorKey for Position {
    fn to_text(&self) -> String {
        self.0.to_string()
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|position| (0..=MAX_SAFE_INTEGER).contains(position)).map(Self)
    }
}

/// The arguments of the feed.
pub struct FeedArguments {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub after_position: Option<Long>,
    pub filter: Option<EventFilter>,
    pub order: Option<EventOrder>,
}

/// A page of the organisation's events.
pub async fn events(ctx: &Context<'_>, arguments: FeedArguments) -> Result<List<Event>> {
    let FeedArguments { first, after, after_position, filter, order } = arguments;
    let order = order.unwrap_or(EventOrder::OldestFirst).into();
    let mut page: Page<Position> = page(first, after.as_deref())?;
    let mut start = "after";
    if let Some(position) = after_position {
        if page.after.is_some() {
            return Err(invalid_input("afterPosition", "must not be used together with after").into());
        }
        if order != promotions::EventOrder::OldestFirst {
            return Err(invalid_input("afterPosition", "requires the order OLDEST_FIRST").into());
        }
        page.after = Some(Position(position.parse("afterPosition")?));
        start = "afterPosition";
    }
    let filter = filter.map(EventFilter::parse).transpose()?.unwrap_or_default();
    let (after, limit) = (page.after.map(|position| position.0), page.limit);
    let (org, feed) = (ctx.data::<Principal>()?.org, ctx.data::<Arc<dyn EventReads>>()?);
    let read = async {
        let events = feed.events(org, &EventPage { filter, order, after, limit }).await?;
        // After the events: some may have been removed while they were read.
        let bounds = match after {
            Some(_) if order == promotions::EventOrder::OldestFirst => Some(feed.feed_bounds(org).await?),
            _ => None,
        };
        Ok::<_, StoreError>((events, bounds))
    };
    let (events, bounds) = read.await.inspect_err(log_store_error).map_err(ApiError::from)?;
    if let (Some(after), Some(bounds)) = (after, bounds) {
        check_start(bounds, after, start)?;
    }
    Ok(list(&page, events, |event| Position(event.position), Event))
}

/// Rejects a position that no reader can continue after. Zero is the beginning, wherever that is now.
pub fn check_start(bounds: FeedBounds, after: i64, field: &'static str) -> Result<(), ApiError> {
    // The position is of another database, or this one was restored from an older backup.
    if after > bounds.last {
        let last = bounds.last;
        return Err(invalid_input(field, format_args!("must not be after the last event, at position {last}")));
    }
    if after > 0 && after < bounds.first - 1 {
        return Err(position_expired(field, bounds.first - 1));
    }
    Ok(())
}

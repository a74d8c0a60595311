//! The body of a message, and its id.

use hyper::body::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::endpoint::EndpointId;
use crate::{
    events::event_json::{EventJson, rfc3339},
    promotions::{Event, Timestamp},
};

/// The largest body of a batch, in bytes, unless it has a single event. Servers of receivers often accept 1 MB.
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// The largest size of an event without its data and texts, in bytes.
const EVENT_BYTES: usize = 400;

/// A message, before it is signed.
pub struct Message {
    /// The same in all attempts to deliver the same events.
    pub id: String,
    pub body: Bytes,
}

#[derive(Serialize)]
struct Body<Data> {
    #[serde(rename = "type")]
    message_type: &'static str,
    timestamp: String,
    data: Data,
}

#[derive(Serialize)]
struct Batch<'a> {
    events: Vec<EventJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    endpoint_id: Uuid,
}

impl Message {
    /// One event.
    pub fn of_event(event: &Event) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(&EventJson::try_from(event)?)?;
        Ok(Self { id: event.id.get().to_string(), body: body.into() })
    }

    /// How many of these events, from the first one on, fit in one message: at least one of them.
    #[must_use]
    pub fn capacity(events: &[Event]) -> usize {
        let mut bytes = 0;
        let fits = |event: &&Event| {
            bytes += EVENT_BYTES + event.data.len();
            bytes <= MAX_BATCH_BYTES
        };
        events.iter().take_while(fits).count().max(1)
    }

    /// Several events, of which there must be one. The id names the first and the last event: a later attempt may have more
    /// of them, and must not seem to be the same message.
    pub fn of_batch(events: &[Event]) -> Result<Self, serde_json::Error> {
        let ids = events.first().into_iter().chain(events.last()).map(|event| event.id.get().simple().to_string());
        let id = ids.collect::<Vec<_>>().join("_");
        let timestamp = events.last().map(|event| rfc3339(event.occurred_on)).unwrap_or_default();
        let events = events.iter().map(EventJson::try_from).collect::<Result<_, _>>()?;
        let body = Body { message_type: "events.batch", timestamp, data: Batch { events } };
        Ok(Self { id, body: serde_json::to_vec(&body)?.into() })
    }

    /// A test.
    pub fn test(endpoint: EndpointId, id: Uuid, now: Timestamp) -> Result<Self, serde_json::Error> {
        let data = Test { endpoint_id: endpoint.get() };
        let body = Body { message_type: "webhook.test", timestamp: rfc3339(now), data };
        Ok(Self { id: id.to_string(), body: serde_json::to_vec(&body)?.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promotions::{Actor, Attribution, EventId, EventType};

    fn events(count: usize, bytes: usize) -> Vec<Event> {
        let event = Event {
            id: EventId::new(Timestamp::from_millis(1)),
            position: 1,
            org: 1.try_into().unwrap(),
            event_type: EventType::PromotionLinked,
            occurred_on: Timestamp::from_millis(1),
            attribution: Attribution::to(Actor::CommandLine),
            actor_name: None,
            data: format!("\"{}\"", "x".repeat(bytes)).into(),
        };
        vec![event; count]
    }

    #[test]
    fn a_batch_has_a_limit_of_bytes_but_at_least_one_event() {
        for (count, bytes, fit) in [(500, 600, 500), (500, 5_000, 97), (2, 600_000, 1), (1, 0, 1)] {
            let events = events(count, bytes);
            assert_eq!(Message::capacity(&events), fit, "{count} events of {bytes} bytes");
            let body = Message::of_batch(&events[..fit]).unwrap().body;
            assert!(body.len() <= MAX_BATCH_BYTES || fit == 1, "{}", body.len());
        }
    }
}

//! The body of a message, and its id.

use hyper::body::Bytes;
use serde::{Serialize, ser::Error};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::endpoint::EndpointId;
use crate::{
    events::event_json::{EventJson, rfc3339},
    promotions::{Event, Timestamp},
};

/// The largest body of a batch, in bytes, unless it has a single event. Servers of receivers often accept 1 MB.
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// More than the bytes of a batch without its events.
const BATCH_BYTES: usize = 128;

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
struct Batch {
    events: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    endpoint_id: Uuid,
}

impl Message {
    /// A message of the first of some events, and the number of events in it: one.
    pub fn of_first(events: &[Event]) -> Result<(Self, usize), serde_json::Error> {
        let event = events.first().ok_or_else(no_events)?;
        let body = serde_json::to_vec(&EventJson::try_from(event)?)?;
        Ok((Self { id: event.id.get().to_string(), body: body.into() }, 1))
    }

    /// A batch of the first of some events, as many as fit in a message, and their number: at least one. The id of the message
    /// names its first and last event: a later attempt may have more of them, and must not seem to be the same message.
    pub fn of_batch(events: &[Event]) -> Result<(Self, usize), serde_json::Error> {
        let (mut texts, mut bytes) = (Vec::with_capacity(events.len()), BATCH_BYTES);
        for event in events {
            let text = to_raw_value(&EventJson::try_from(event)?)?;
            bytes += text.get().len() + ",".len();
            if bytes > MAX_BATCH_BYTES && !texts.is_empty() {
                break;
            }
            texts.push(text);
        }
        let count = texts.len();
        let (Some(first), Some(last)) = (events.first(), count.checked_sub(1).and_then(|last| events.get(last))) else {
            return Err(no_events());
        };
        let id = format!("{}_{}", first.id.get().simple(), last.id.get().simple());
        let (timestamp, data) = (rfc3339(last.occurred_on), Batch { events: texts });
        let body = serde_json::to_vec(&Body { message_type: "events.batch", timestamp, data })?;
        Ok((Self { id, body: body.into() }, count))
    }

    /// A test.
    pub fn test(endpoint: EndpointId, id: Uuid, now: Timestamp) -> Result<Self, serde_json::Error> {
        let data = Test { endpoint_id: endpoint.get() };
        let body = Body { message_type: "webhook.test", timestamp: rfc3339(now), data };
        Ok(Self { id: id.to_string(), body: serde_json::to_vec(&body)?.into() })
    }
}

fn no_events() -> serde_json::Error {
    serde_json::Error::custom("a message needs an event")
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
            data: format!("\"{}\"", "x".repeat(bytes)),
        };
        vec![event; count]
    }

    #[test]
    fn a_batch_has_a_limit_of_bytes_but_at_least_one_event() {
        for (count, bytes, fit) in [(500, 600, 500), (2, 600_000, 1), (1, 0, 1)] {
            let (message, contained) = Message::of_batch(&events(count, bytes)).unwrap();
            assert_eq!(contained, fit, "{count} events of {bytes} bytes");
            assert!(message.body.len() <= MAX_BATCH_BYTES || fit == 1, "{}", message.body.len());
        }
        let long = events(500, 5_000);
        let (message, contained) = Message::of_batch(&long).unwrap();
        assert!((80..110).contains(&contained), "{contained}");
        assert!((MAX_BATCH_BYTES - 6_000..=MAX_BATCH_BYTES).contains(&message.body.len()), "{}", message.body.len());
    }
}

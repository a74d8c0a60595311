//! The body of a message, and its id.

use hyper::body::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::endpoint::EndpointId;
use crate::{
    events::event_json::{EventJson, rfc3339},
    promotions::{Event, Timestamp},
};

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

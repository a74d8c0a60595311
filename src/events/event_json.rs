//! An event as JSON, for everything but the GraphQL API.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::promotions::{Actor, Event, Reason, Timestamp};

/// An event as JSON. The fields `type`, `timestamp` and `data` are those of Standard Webhooks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventJson<'a> {
    id: Uuid,
    position: i64,
    #[serde(rename = "type")]
    event_type: &'static str,
    /// When it occurred (RFC 3339).
    timestamp: String,
    actor: ActorJson<'a>,
    request_id: Option<&'a str>,
    reason: Option<&'a str>,
    data: &'a RawValue,
}

#[derive(Debug, Serialize)]
struct ActorJson<'a> {
    kind: &'static str,
    id: Option<String>,
    name: Option<&'a str>,
}

impl<'a> TryFrom<&'a Event> for EventJson<'a> {
    type Error = serde_json::Error;

    /// Fails if the data of the event is not JSON.
    fn try_from(event: &'a Event) -> Result<Self, serde_json::Error> {
        let (kind, id) = match event.attribution.actor {
            Actor::ApiKey(id) => ("API_KEY", Some(id.to_string())),
            Actor::Customer(customer) => ("CUSTOMER", Some(customer.get().to_string())),
            Actor::Operator => ("OPERATOR", None),
            Actor::CommandLine => ("COMMAND_LINE", None),
            Actor::Server => ("SERVER", None),
        };
        Ok(Self {
            id: event.id.get(),
            position: event.position,
            event_type: event.event_type.name(),
            timestamp: rfc3339(event.occurred_on),
            actor: ActorJson { kind, id, name: event.actor_name.as_deref() },
            request_id: event.attribution.request_id.as_deref(),
            reason: event.attribution.reason.as_ref().map(Reason::as_str),
            data: serde_json::from_str(&event.data)?,
        })
    }
}

/// A time as RFC 3339, in UTC, to the millisecond.
pub fn rfc3339(time: Timestamp) -> String {
    let since_epoch = Duration::from_millis(u64::try_from(time.millis()).unwrap_or(0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch).to_string()
}

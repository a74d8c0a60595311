//! The events of endpoints. They never contain secrets: paths and queries of URLs may be some.

use serde::Serialize;
use url::Url;
use uuid::Uuid;

use super::endpoint::Endpoint;
use crate::promotions::{Attribution, Changed, EventType, NewEvent, Timestamp};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    id: Uuid,
    org_id: i64,
    /// The URL's scheme, host and port.
    origin: String,
    event_types: Vec<&'static str>,
    batch_size: u32,
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedData {
    id: Uuid,
    org_id: i64,
    /// As it was after the change.
    origin: String,
    changes: Changes,
}

/// The fields that can change. Those that did not are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changes {
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Changed<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_types: Option<Changed<Vec<&'static str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_size: Option<Changed<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<Changed<bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_position: Option<Changed<i64>>,
    /// Present if the path or query of the URL changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_changed: Option<bool>,
    /// Present if the secret was rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_rotated: Option<bool>,
}

impl Endpoint {
    /// The event of its creation.
    #[must_use]
    pub fn created_event(&self, by: &Attribution) -> NewEvent {
        self.event(EventType::WebhookCreated, &self.data(), by, self.created_on())
    }

    /// The event of its deletion.
    #[must_use]
    pub fn deleted_event(&self, by: &Attribution, now: Timestamp) -> NewEvent {
        self.event(EventType::WebhookDeleted, &self.data(), by, now)
    }

    /// The event of a change by an operator or the server. `None` if nothing is different.
    #[must_use]
    pub fn updated_event(&self, old: &Self, by: &Attribution, now: Timestamp) -> Option<NewEvent> {
        let origins = Changed::between(origin(&old.url), origin(&self.url));
        let changes = Changes {
            path_changed: (origins.is_none() && old.url != self.url).then_some(true),
            origin: origins,
            event_types: Changed::between(old.type_names(), self.type_names()),
            batch_size: Changed::between(old.batch_size, self.batch_size),
            enabled: Changed::between(old.enabled, self.enabled),
            delivered_position: Changed::between(old.delivered_position, self.delivered_position),
            secret_rotated: (old.secret != self.secret).then_some(true),
        };
        let is_different = changes.path_changed.is_some()
            || changes.origin.is_some()
            || changes.event_types.is_some()
            || changes.batch_size.is_some()
            || changes.enabled.is_some()
            || changes.delivered_position.is_some()
            || changes.secret_rotated.is_some();
        let data = || UpdatedData { id: self.id.get(), org_id: self.org.get(), origin: origin(&self.url), changes };
        is_different.then(|| self.event(EventType::WebhookUpdated, &data(), by, now))
    }

    fn data(&self) -> Data {
        Data {
            id: self.id.get(),
            org_id: self.org.get(),
            origin: origin(&self.url),
            event_types: self.type_names(),
            batch_size: self.batch_size,
            enabled: self.enabled,
        }
    }

    fn type_names(&self) -> Vec<&'static str> {
        self.event_types.iter().map(|event_type| event_type.name()).collect()
    }

    fn event(&self, event_type: EventType, data: &impl Serialize, by: &Attribution, now: Timestamp) -> NewEvent {
        NewEvent::new(event_type, self.org, self.id.get(), data, by, now)
    }
}

fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

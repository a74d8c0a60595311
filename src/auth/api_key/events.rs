//! The events of API keys. They never contain the key or its hash.

use serde::Serialize;
use uuid::Uuid;

use super::ApiKey;
use crate::promotions::{Attribution, EventType, NewEvent, Timestamp};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    id: Uuid,
    org_id: i64,
    role: &'static str,
    name: &'a str,
    created_on: i64,
    expires_on: Option<i64>,
    revoked_on: Option<i64>,
}

impl ApiKey {
    /// The event of its creation.
    #[must_use]
    pub fn created_event(&self, by: &Attribution) -> NewEvent {
        self.event(EventType::ApiKeyCreated, by, self.created_on)
    }

    /// The event of its revocation.
    #[must_use]
    pub fn revoked_event(&self, by: &Attribution, now: Timestamp) -> NewEvent {
        self.event(EventType::ApiKeyRevoked, by, now)
    }

    fn event(&self, event_type: EventType, by: &Attribution, now: Timestamp) -> NewEvent {
        let data = Data {
            id: self.id.get(),
            org_id: self.org.get(),
            role: self.role.as_str(),
            name: &self.name,
            created_on: self.created_on.millis(),
            expires_on: self.expires_on.map(Timestamp::millis),
            revoked_on: self.revoked_on.map(Timestamp::millis),
        };
        NewEvent::new(event_type, self.org, self.id.get(), &data, by, now)
    }
}

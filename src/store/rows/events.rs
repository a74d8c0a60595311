//! Rows of `events`, without and with a position.

#![expect(clippy::ref_option_ref, reason = "the derived `Insertable` borrows each field")]

use std::sync::Arc;

use diesel::prelude::*;
use uuid::Uuid;

use super::{Id, corrupt};
use crate::{
    promotions::{
        Actor, Attribution, CustomerId, Event, EventActor, EventType, NewEvent, Reason, StoreError, Timestamp,
    },
    store::schema::events,
};

/// The stored form of a type. Numbers are never given to another type.
pub const fn event_type_to_db(event_type: EventType) -> i16 {
    match event_type {
        EventType::PromotionLinked => 1,
        EventType::PromotionUnlinked => 2,
        EventType::PromotionRedeemed => 3,
        EventType::RedemptionReversed => 4,
        EventType::CodesAdded => 5,
        EventType::CodesRevoked => 6,
        EventType::CampaignCreated => 7,
        EventType::CampaignUpdated => 8,
        EventType::ApiKeyCreated => 9,
        EventType::ApiKeyRevoked => 10,
        EventType::WebhookCreated => 11,
        EventType::WebhookUpdated => 12,
        EventType::WebhookDeleted => 13,
    }
}

fn event_type_from_db(number: i16) -> Result<EventType, StoreError> {
    let found = EventType::ALL.into_iter().find(|event_type| event_type_to_db(*event_type) == number);
    found.ok_or_else(|| corrupt("an unknown type of events"))
}

/// The stored form of an actor with an id.
pub fn actor_to_db(actor: EventActor) -> (i16, String) {
    match actor {
        EventActor::ApiKey(id) => (1, id.to_string()),
        EventActor::Customer(customer) => (2, customer.get().to_string()),
    }
}

fn columns_of_actor(actor: Actor) -> (i16, Option<String>) {
    let with_id = match actor {
        Actor::ApiKey(id) => EventActor::ApiKey(id),
        Actor::Customer(customer) => EventActor::Customer(customer),
        Actor::Operator => return (3, None),
        Actor::CommandLine => return (4, None),
        Actor::Server => return (5, None),
    };
    let (kind, id) = actor_to_db(with_id);
    (kind, Some(id))
}

fn actor_from_db(kind: i16, id: Option<&str>) -> Result<Actor, StoreError> {
    let invalid = || corrupt("an invalid actor of an event");
    match (kind, id) {
        (1, Some(id)) => Ok(Actor::ApiKey(Uuid::parse_str(id).map_err(|_| invalid())?)),
        (2, Some(id)) => Ok(Actor::Customer(id.parse().map_err(|_| invalid())?)),
        (3, None) => Ok(Actor::Operator),
        (4, None) => Ok(Actor::CommandLine),
        (5, None) => Ok(Actor::Server),
        _ => Err(invalid()),
    }
}

/// An event without a position.
#[derive(Debug, Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub struct NewEventRow<'a> {
    pub org_id: i64,
    pub id: Id,
    pub event_type: i16,
    pub occurred_on: i64,
    pub actor: i16,
    pub actor_id: Option<String>,
    pub request_id: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub subject_id: Id,
    pub campaign_id: Option<Id>,
    pub customer_id: Option<i64>,
    pub data: &'a str,
}

impl<'a> From<&'a NewEvent> for NewEventRow<'a> {
    fn from(event: &'a NewEvent) -> Self {
        let Attribution { actor, request_id, reason } = &event.attribution;
        let (actor, actor_id) = columns_of_actor(*actor);
        Self {
            org_id: event.org.get(),
            id: Id(event.id.get()),
            event_type: event_type_to_db(event.event_type),
            occurred_on: event.occurred_on.millis(),
            actor,
            actor_id,
            request_id: request_id.as_deref(),
            reason: reason.as_ref().map(Reason::as_str),
            subject_id: Id(event.subject),
            campaign_id: event.campaign_id.map(|id| Id(id.get())),
            customer_id: event.customer_id.map(CustomerId::get),
            data: &event.data,
        }
    }
}

/// A row of `events`, without the columns by which they are found.
#[derive(Debug, Queryable)]
pub struct EventRow {
    org_id: i64,
    position: i64,
    id: Id,
    event_type: i16,
    occurred_on: i64,
    actor: i16,
    actor_id: Option<String>,
    request_id: Option<String>,
    reason: Option<String>,
    data: String,
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        Ok(Self {
            position: row.position,
            id: row.id.0.into(),
            org: row.org_id.try_into()?,
            event_type: event_type_from_db(row.event_type)?,
            occurred_on: Timestamp::from_millis(row.occurred_on),
            attribution: Attribution {
                actor: actor_from_db(row.actor, row.actor_id.as_deref())?,
                request_id: row.request_id.map(Arc::from),
                reason: row.reason.as_deref().map(Reason::from_stored),
            },
            actor_name: None,
            data: row.data,
        })
    }
}

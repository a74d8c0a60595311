//! `WebhookEndpoint`, and the mutations that manage endpoints.

mod mutations;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject};

pub use self::mutations::{
    CreateWebhookEndpointInput, UpdateWebhookEndpointInput, create_webhook_endpoint, delete_webhook_endpoint,
    replay_events, rotate_webhook_secret, send_test_event, update_webhook_endpoint,
};
use super::{
    access_directive::{Role, access},
    cost_directives::{LOOKUP_WEIGHT, cost},
    event::EventType,
    scalars::{Long, Timestamp},
};
use crate::{
    auth::Principal,
    events::{Endpoint, WebhookService},
    graphql::error::{ApiError, log_store_error, place},
    promotions::{EventFilter, EventOrder, EventPage, EventReads},
};

/// The state of a webhook endpoint.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookState {
    /// The last attempt succeeded, or none was made.
    Active,
    /// The last attempt failed. It is repeated after 5 seconds, 5 minutes, 30 minutes, 2, 5, 10 and 10 hours; after that,
    /// the endpoint is disabled. The time between attempts is up to 10 % longer, or as long as the receiver requests, up to
    /// 12 hours.
    Failing,
    /// Nothing is sent. Events wait, and are sent once the endpoint is enabled again, unless they have been removed
    /// because of their age.
    Disabled,
}

pub struct WebhookEndpoint(pub Endpoint);

/// A URL to which the organisation's events are sent, each at least once and in the order of their positions. Messages
/// are signed as Standard Webhooks 1.0 specifies. A delivery succeeded if the response has a status from 200 to 299.
/// docs/webhooks.md describes the messages.
#[Object]
impl WebhookEndpoint {
    /// The endpoint's id, a UUID. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The URL. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// The types of events that are sent. Empty: all types. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn event_types(&self) -> Vec<EventType> {
        self.0.event_types.iter().map(|event_type| (*event_type).into()).collect()
    }

    /// The largest number of events in one message. With 1, each message is a single event; with more, each is a batch.
    /// Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn batch_size(&self) -> u32 {
        self.0.batch_size
    }

    /// The state of the endpoint. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn state(&self) -> WebhookState {
        match (self.0.enabled, self.0.failed_attempts) {
            (false, _) => WebhookState::Disabled,
            (true, 0) => WebhookState::Active,
            (true, _) => WebhookState::Failing,
        }
    }

    /// When the endpoint was created. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn created_on(&self) -> Timestamp {
        self.0.created_on().into()
    }

    /// The position up to which all matching events have been delivered. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn delivered_position(&self) -> Long {
        Long::from_i64(self.0.delivered_position)
    }

    /// How many matching events wait. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn pending(&self, ctx: &Context<'_>) -> Result<Long> {
        let events = ctx.data::<Arc<dyn EventReads>>()?;
        let count = events.count_events(self.0.org, &self.0.event_types, self.0.delivered_position).await;
        let count = count.inspect_err(log_store_error).map_err(|error| place(ctx)(ApiError::from(error)))?;
        Ok(Long::from_i64(count))
    }

    /// When the oldest matching event that waits occurred. Null: none waits. Access: admin.
    #[graphql(directive = access::apply(Role::Admin), directive = cost::apply(LOOKUP_WEIGHT))]
    async fn oldest_pending_on(&self, ctx: &Context<'_>) -> Result<Option<Timestamp>> {
        let page = EventPage {
            filter: EventFilter { types: self.0.event_types.clone(), ..EventFilter::default() },
            order: EventOrder::OldestFirst,
            after: Some(self.0.delivered_position),
            limit: 1,
        };
        let oldest = ctx.data::<Arc<dyn EventReads>>()?.events(self.0.org, &page).await;
        let oldest = oldest.inspect_err(log_store_error).map_err(|error| place(ctx)(ApiError::from(error)))?;
        Ok(oldest.first().map(|event| event.occurred_on.into()))
    }

    /// Why the last attempt failed, such as `status 500`. Of a test message, such as `test: status 500`. Null: it succeeded,
    /// or none was made. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn last_error(&self) -> Option<&str> {
        self.0.last_error.as_deref()
    }

    /// When the next attempt is made. Null, unless the endpoint is FAILING. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn next_attempt_on(&self) -> Option<Timestamp> {
        (self.0.enabled && self.0.failed_attempts > 0).then(|| self.0.next_attempt_on.into())
    }
}

/// An endpoint with its secret. The secret is shown only this once.
#[derive(SimpleObject)]
pub struct WebhookSecretResult {
    /// The endpoint. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    endpoint: WebhookEndpoint,
    /// The secret, which begins with `whsec_`. The receiver verifies the signatures of messages with it. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    secret: String,
}

/// The organisation's endpoints, oldest first.
pub async fn webhook_endpoints(ctx: &Context<'_>) -> Result<Vec<WebhookEndpoint>> {
    let found = ctx.data::<Arc<WebhookService>>()?.endpoints(ctx.data::<Principal>()?.org).await;
    let found = found.inspect_err(log_store_error).map_err(ApiError::from)?;
    Ok(found.into_iter().map(WebhookEndpoint).collect())
}

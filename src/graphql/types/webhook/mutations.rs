//! What operators do with endpoints.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Result};

use super::{EventType, WebhookEndpoint, WebhookSecretResult};
use crate::{
    auth::Principal,
    events::{Endpoint, EndpointUpdate, InvalidEndpoint, WebhookSecret, WebhookService},
    graphql::{
        error::{ApiError, invalid_input, log_store_error, refused},
        types::{
            event::check_start,
            scalars::{Long, at_least_one, parse_id},
        },
    },
    promotions::{self, Attribution, EventReads, OrgId, Refusal, StoreError},
};

/// The endpoint to create.
#[derive(InputObject)]
pub struct CreateWebhookEndpointInput {
    /// The URL, at most 2048 characters. It must begin with https:// and lead to a public address, unless the server's
    /// operator permits others (`--webhook-allow`, `--webhook-allow-http`).
    url: String,
    /// The types of events to send. Empty or null: all types.
    #[graphql(default_with = "Some(Vec::new())")]
    event_types: Option<Vec<EventType>>,
    /// The largest number of events in one message, 1 to 500. With 1, each message is a single event; with more, each is a
    /// batch. Null: 1.
    #[graphql(default_with = "Some(1)")]
    batch_size: Option<i32>,
}

/// The changes to an endpoint. Omitted fields and null leave the endpoint as it is.
#[derive(InputObject)]
pub struct UpdateWebhookEndpointInput {
    /// The endpoint's id.
    id: ID,
    /// The new URL.
    url: Option<String>,
    /// The types of events to send from now on. Empty: all types.
    event_types: Option<Vec<EventType>>,
    /// The largest number of events in one message, 1 to 500.
    batch_size: Option<i32>,
    /// Disables the endpoint, or enables it: it then continues where it stopped. A FAILING endpoint is tried again
    /// immediately if this is true or a URL is given.
    enabled: Option<bool>,
}

/// The caller of a mutation.
struct Caller<'a> {
    webhooks: &'a WebhookService,
    org: OrgId,
    by: &'a Attribution,
}

impl<'a> Caller<'a> {
    fn of(ctx: &Context<'a>) -> Result<Self> {
        let webhooks = ctx.data::<Arc<WebhookService>>()?;
        Ok(Self { webhooks, org: ctx.data::<Principal>()?.org, by: ctx.data::<Attribution>()? })
    }
}

/// Creates an endpoint.
pub async fn create_webhook_endpoint(
    ctx: &Context<'_>,
    input: CreateWebhookEndpointInput,
) -> Result<WebhookSecretResult> {
    let Caller { webhooks, org, by } = Caller::of(ctx)?;
    let types = into_domain(input.event_types.unwrap_or_default());
    let batch_size = at_least_one(input.batch_size.unwrap_or(1), "batchSize")?;
    let created = webhooks.create(org, &input.url, types, batch_size, by).await;
    let created = created.inspect_err(log_store_error).map_err(ApiError::from)?;
    Ok(with_secret(created.map_err(invalid_endpoint)?))
}

/// Changes an endpoint.
pub async fn update_webhook_endpoint(ctx: &Context<'_>, input: UpdateWebhookEndpointInput) -> Result<WebhookEndpoint> {
    let Caller { webhooks, org, by } = Caller::of(ctx)?;
    let update = EndpointUpdate {
        url: input.url,
        event_types: input.event_types.map(into_domain),
        batch_size: input.batch_size.map(|size| at_least_one(size, "batchSize")).transpose()?,
        enabled: input.enabled,
    };
    let changed = found(webhooks.update(org, parse_id(&input.id, "id")?, update, by).await)?;
    Ok(changed.map(WebhookEndpoint).map_err(invalid_endpoint)?)
}

/// Replaces the secret of an endpoint.
pub async fn rotate_webhook_secret(ctx: &Context<'_>, id: &ID) -> Result<WebhookSecretResult> {
    let Caller { webhooks, org, by } = Caller::of(ctx)?;
    Ok(with_secret(found(webhooks.rotate_secret(org, parse_id(id, "id")?, by).await)?))
}

/// Deletes an endpoint.
pub async fn delete_webhook_endpoint(ctx: &Context<'_>, id: &ID) -> Result<WebhookEndpoint> {
    let Caller { webhooks, org, by } = Caller::of(ctx)?;
    Ok(WebhookEndpoint(found(webhooks.delete(org, parse_id(id, "id")?, by).await)?))
}

/// Has a test message sent.
pub async fn send_test_event(ctx: &Context<'_>, id: &ID) -> Result<WebhookEndpoint> {
    let Caller { webhooks, org, .. } = Caller::of(ctx)?;
    Ok(WebhookEndpoint(found(webhooks.request_test(org, parse_id(id, "endpointId")?).await)?))
}

/// Delivers events again.
pub async fn replay_events(ctx: &Context<'_>, id: &ID, after: &Long) -> Result<WebhookEndpoint> {
    let Caller { webhooks, org, by } = Caller::of(ctx)?;
    let (id, after) = (parse_id(id, "endpointId")?, after.parse("afterPosition")?);
    let bounds = ctx.data::<Arc<dyn EventReads>>()?.feed_bounds(org).await;
    check_start(bounds.inspect_err(log_store_error).map_err(ApiError::from)?, after, "afterPosition")?;
    Ok(WebhookEndpoint(found(webhooks.replay(org, id, after, by).await)?))
}

fn found<T>(result: Result<Option<T>, StoreError>) -> Result<T, ApiError> {
    let found = result.inspect_err(log_store_error).map_err(ApiError::from)?;
    found.ok_or_else(|| refused(Refusal::NotFound))
}

fn with_secret((endpoint, secret): (Endpoint, WebhookSecret)) -> WebhookSecretResult {
    WebhookSecretResult { endpoint: WebhookEndpoint(endpoint), secret: secret.expose_text() }
}

fn into_domain(types: Vec<EventType>) -> Vec<promotions::EventType> {
    types.into_iter().map(Into::into).collect()
}

fn invalid_endpoint(invalid: InvalidEndpoint) -> ApiError {
    let field = match invalid {
        InvalidEndpoint::Url(_) => "url",
        InvalidEndpoint::BatchSize => "batchSize",
        InvalidEndpoint::TooMany => "input",
    };
    invalid_input(field, invalid)
}

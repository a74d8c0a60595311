//! `Event`, its parts, and the feed of an organisation's events.

mod feed;
mod filter;

use async_graphql::{Context, Enum, ID, InputValueError, InputValueResult, Object, Result, Scalar, ScalarType, Value};

pub use self::{
    feed::{FeedArguments, check_start, events},
    filter::EventFilter,
};
use super::{
    access_directive::{Role, access},
    scalars::{Long, Timestamp},
};
use crate::{
    graphql::{error::place, loaders::Loaders},
    promotions,
};

/// The type of an event. In webhooks and on the command line, types have the form `promotion.linked`. Later versions may
/// add types.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::EventType")]
pub enum EventType {
    /// A code was linked to a customer.
    PromotionLinked,
    /// A promotion was unlinked.
    PromotionUnlinked,
    /// A promotion was redeemed.
    PromotionRedeemed,
    /// A redemption was reversed.
    RedemptionReversed,
    /// Codes were generated or imported: one event for each batch of up to 500 codes.
    CodesAdded,
    /// Codes were revoked.
    CodesRevoked,
    /// A campaign was created.
    CampaignCreated,
    /// A campaign was changed.
    CampaignUpdated,
    /// An API key was created.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// A webhook endpoint was created.
    WebhookCreated,
    /// A webhook endpoint was changed, or disabled by the server.
    WebhookUpdated,
    /// A webhook endpoint was deleted.
    WebhookDeleted,
}

/// The kind of author of a change.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// An application, with an API key.
    ApiKey,
    /// A customer, with a customer token.
    Customer,
    /// A caller of `promolink dev`, which requires no credential.
    Operator,
    /// A command, such as `promolink codes import`.
    CommandLine,
    /// The server itself.
    Server,
}

/// The order of events.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "crate::promotions::EventOrder")]
pub enum EventOrder {
    /// Ascending by position.
    OldestFirst,
    /// Descending by position.
    NewestFirst,
}

pub struct Json(String);

/// Any JSON value (RFC 8259). Only returned, never accepted.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Err(InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        // The server wrote it. Its fields keep their order.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

pub struct Actor(promotions::Actor, Option<String>);

/// The author of a change.
#[Object]
impl Actor {
    /// The kind of author. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn kind(&self) -> ActorKind {
        match self.0 {
            promotions::Actor::ApiKey(_) => ActorKind::ApiKey,
            promotions::Actor::Customer(_) => ActorKind::Customer,
            promotions::Actor::Operator => ActorKind::Operator,
            promotions::Actor::CommandLine => ActorKind::CommandLine,
            promotions::Actor::Server => ActorKind::Server,
        }
    }

    /// The id of the API key or the number of the customer. Null for other kinds. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn id(&self) -> Option<String> {
        match self.0 {
            promotions::Actor::ApiKey(id) => Some(id.to_string()),
            promotions::Actor::Customer(customer) => Some(customer.get().to_string()),
            _ => None,
        }
    }

    /// The name of the API key. Null if the key has no name, and for other kinds. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn name(&self) -> Option<&str> {
        self.1.as_deref()
    }
}

pub struct Event(pub promotions::Event);

/// The immutable record of one change.
#[Object]
impl Event {
    /// The id of the event, a UUID. If a webhook is delivered repeatedly, each delivery has the same id. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn id(&self) -> ID {
        self.0.id.get().into()
    }

    /// The position of the event in the organisation's feed: 1, 2, 3 and so on, without gaps. To read the next events, pass
    /// the position of the last one as `afterPosition`. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn position(&self) -> Long {
        Long::from_i64(self.0.position)
    }

    /// The type of the event. Access: admin.
    #[graphql(name = "type", directive = access::apply(Role::Admin))]
    async fn event_type(&self) -> EventType {
        self.0.event_type.into()
    }

    /// When the change was made. Never earlier than the `occurredOn` of the previous position, even if the clocks of
    /// servers differ. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn occurred_on(&self) -> Timestamp {
        self.0.occurred_on.into()
    }

    /// The author of the change. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn actor(&self) -> Actor {
        Actor(self.0.attribution.actor, self.0.actor_name.clone())
    }

    /// The id of the request that made the change. The header `x-request-id` of the response and the server's log have the
    /// same id. Null if the change was not made by a request. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn request_id(&self) -> Option<&str> {
        self.0.attribution.request_id.as_deref()
    }

    /// The argument `reason` of the mutation, or the server's own reason. Null if it was omitted or if the mutation has no such
    /// argument. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn reason(&self) -> Option<&str> {
        self.0.attribution.reason.as_ref().map(promotions::Reason::as_str)
    }

    /// A JSON object that describes the promotion, codes, campaign or API key after the change. For redemptions it also
    /// has `redemption`, and for campaigns that were changed, `changes`: the `old` and the `new` value of each changed
    /// field. docs/events.md has an example of each type. Later versions may add fields. Access: admin.
    #[graphql(directive = access::apply(Role::Admin))]
    async fn data(&self, ctx: &Context<'_>) -> Result<Json> {
        ctx.data::<Loaders>()?.take_text(self.0.data.len()).map_err(place(ctx))?;
        Ok(Json(self.0.data.clone()))
    }
}

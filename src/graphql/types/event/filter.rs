//! Which events to read.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use super::{EventType, Long, Timestamp};
use crate::{
    graphql::{
        error::{ApiError, invalid_input},
        types::scalars::parse_id,
    },
    promotions::{self, EventActor},
};

/// Conditions on events. An event is returned if it meets all of them.
#[derive(InputObject)]
pub struct EventFilter {
    /// Only events of these types. Null or an empty list: all types.
    types: Option<Vec<EventType>>,
    /// Only events of this campaign, of its codes and of their promotions.
    #[graphql(name = "campaignId")]
    campaign: Option<ID>,
    /// Only events of this customer's promotions.
    #[graphql(name = "customerId")]
    customer: Option<Long>,
    /// Only changes with this author: the id of an API key (a UUID), or the number of a customer who used a customer
    /// token.
    #[graphql(name = "actorId")]
    actor: Option<String>,
    /// Only events whose `occurredOn` is this time or later.
    from: Option<Timestamp>,
    /// Only events whose `occurredOn` is this time or earlier.
    to: Option<Timestamp>,
}

impl EventFilter {
    /// Parses the conditions.
    pub fn parse(self) -> Result<promotions::EventFilter, ApiError> {
        Ok(promotions::EventFilter {
            types: self.types.unwrap_or_default().into_iter().map(Into::into).collect(),
            campaign_id: self.campaign.map(|id| parse_id(&id, "filter.campaignId")).transpose()?,
            customer_id: self.customer.map(|customer| customer.parse_as("filter.customerId")).transpose()?,
            actor: self.actor.map(|id| parse_actor(&id)).transpose()?,
            from: self.from.map(|time| time.parse("filter.from")).transpose()?,
            to: self.to.map(|time| time.parse("filter.to")).transpose()?,
        })
    }
}

fn parse_actor(id: &str) -> Result<EventActor, ApiError> {
    if let Ok(key) = Uuid::parse_str(id) {
        return Ok(EventActor::ApiKey(key));
    }
    let customer = id.parse().map(EventActor::Customer);
    customer.map_err(|_| invalid_input("filter.actorId", "must be the id of an API key or the number of a customer"))
}

//! This graph as a part of others: a subgraph of Apollo Federation 2
//! (<https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec>). A gateway
//! names entities by their keys, and asks for fields of them.
//!
//! The public schema's text leaves this out: it is for gateways, which read the subgraph's text.

use async_graphql::{Context, Error, ID, MergedObject, Object, Result};

use super::{
    campaign::Campaign,
    customer::Customer,
    error::own_customer,
    loaders::Loaders,
    promotion::Promotion,
    query::Reads,
    scalars::{Long, parse_id},
};
use crate::{auth::Principal, promotions::CustomerId};

/// What the library adds to the schema without saying so in its text.
pub const ENTITIES: &str = "
    extend type Query { _entities(representations: [_Any!]!): [_Entity]! @access(role: CUSTOMER) }
    scalar _Any
    union _Entity = Campaign | Customer | Promotion";

/// Likewise. It tells as much as introspection does, and without that it is nobody's.
pub const SERVICE: &str = "
    extend type Query { _service: _Service! @access(role: STOREFRONT) }
    type _Service { sdl: String @access(role: STOREFRONT) }";
pub const CLOSED_SERVICE: &str = "extend type Query { _service: _Service! }";

/// What can be read. Everything belongs to the caller's organisation.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub struct SubgraphQuery(pub Reads, pub Entities);

/// Entities by their keys. One that there is not is null; one that can't be had is null and has an error.
pub struct Entities;

#[Object]
impl Entities {
    #[graphql(entity)]
    async fn promotion(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Promotion>> {
        alone(ctx, find_promotion(ctx, &id).await)
    }

    #[graphql(entity)]
    async fn campaign(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Campaign>> {
        alone(ctx, find_campaign(ctx, &id).await)
    }

    #[graphql(entity)]
    async fn customer(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Customer>> {
        alone(ctx, find_customer(ctx, &id))
    }
}

async fn find_promotion(ctx: &Context<'_>, id: &ID) -> Result<Option<Promotion>> {
    let principal = ctx.data::<Principal>()?;
    let found = ctx.data::<Loaders>()?.promotion(parse_id(id, "id")?).await?;
    Ok(found.filter(|promotion| own_customer(principal, promotion.customer_id).is_ok()).map(Promotion))
}

async fn find_campaign(ctx: &Context<'_>, id: &ID) -> Result<Option<Campaign>> {
    Ok(ctx.data::<Loaders>()?.campaign(parse_id(id, "id")?).await?.map(Campaign))
}

/// Every number may be a customer's: which there are is another graph's to know.
fn find_customer(ctx: &Context<'_>, id: &ID) -> Result<Option<Customer>> {
    let customer: CustomerId = Long::from_text(id).parse_as("id")?;
    own_customer(ctx.data::<Principal>()?, customer)?;
    Ok(Some(Customer(customer)))
}

/// Leaves the other entities alone if one fails: the library would fail them all.
fn alone<T>(ctx: &Context<'_>, found: Result<Option<T>>) -> Result<Option<T>> {
    found.or_else(|error: Error| {
        ctx.add_error(ctx.set_error_path(error.into_server_error(ctx.item.pos)));
        Ok(None)
    })
}

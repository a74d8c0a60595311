//! This graph as a subgraph of Apollo Federation 2
//! (<https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec>). A gateway names
//! entities by their keys and selects fields of them.
//!
//! The public schema's text leaves this out: it is for gateways, which read the subgraph's text.

use std::sync::LazyLock;

use async_graphql::{Any, Context, ID, MergedObject, Object, Result, SimpleObject, Union, Value};
use futures_util::future::join_all;

use super::{
    access_directive::{Role, access},
    campaign::Campaign,
    customer::Customer,
    promotion::Promotion,
    query::{self, Reads},
    scalars::{Long, parse_id},
};
use crate::{
    auth::{self, Principal},
    graphql::{
        error::{Nullable, forbidden, invalid_input, own_customer},
        loaders::Loaders,
        subgraph_sdl,
    },
    promotions::CustomerId,
};

/// The root of queries as it is executed.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub struct RootQuery(pub Reads, pub Federation);

/// The most representations of one field. Each malformed one has an error of its own.
const MAX_REPRESENTATIONS: usize = 10_000;

/// The fields that gateways need.
pub struct Federation;

/// An entity of this subgraph.
#[derive(Union)]
#[graphql(name = "_Entity")]
enum Entity {
    Campaign(Campaign),
    Customer(Customer),
    Promotion(Promotion),
}

/// The subgraph, for gateways.
#[derive(SimpleObject)]
#[graphql(name = "_Service")]
struct Service {
    /// The schema of the subgraph, in the schema definition language. Access: storefront and above.
    #[graphql(directive = access::apply(Role::Storefront))]
    sdl: String,
}

#[Object]
impl Federation {
    /// Entities by their keys, for gateways, in the order of the representations. An unknown entity is null, and so is
    /// a promotion if a customer token is for another customer. An entity is null with an error if its representation
    /// is malformed, if it is a customer other than that of the customer token, or if it is a campaign and the role is
    /// below admin. Other entities are not affected. Access: customer and above.
    #[graphql(name = "_entities", directive = access::apply(Role::Customer))]
    async fn entities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 10,000 objects with `__typename` and `id`.")] representations: Vec<Any>,
    ) -> Result<Vec<Nullable<Entity>>> {
        if representations.len() > MAX_REPRESENTATIONS {
            return Err(invalid_input(
                "representations",
                format_args!("must have at most {MAX_REPRESENTATIONS} items"),
            )
            .into());
        }
        let entities = representations.iter().map(|representation| entity(ctx, &representation.0));
        Ok(join_all(entities).await.into_iter().map(Result::transpose).collect())
    }

    /// The schema of this subgraph, for gateways. Access: storefront and above.
    #[graphql(name = "_service", directive = access::apply(Role::Storefront))]
    async fn service(&self) -> Service {
        static SDL: LazyLock<String> = LazyLock::new(subgraph_sdl);
        Service { sdl: SDL.clone() }
    }
}

async fn entity(ctx: &Context<'_>, representation: &Value) -> Result<Option<Entity>> {
    let Value::Object(fields) = representation else {
        return Err(invalid_input("representations", "must be objects").into());
    };
    let Some(Value::String(type_name)) = fields.get("__typename") else {
        return Err(invalid_input("__typename", "must be Campaign, Customer or Promotion").into());
    };
    let key = || match fields.get("id") {
        Some(Value::String(id)) => Ok(ID(id.clone())),
        Some(Value::Number(number)) if number.is_i64() => Ok(ID(number.to_string())),
        _ => Err(invalid_input("id", "must be a string or an integer")),
    };
    match type_name.as_str() {
        "Campaign" => Ok(find_campaign(ctx, &key()?).await?.map(Entity::Campaign)),
        "Customer" => Ok(Some(Entity::Customer(find_customer(ctx, &key()?)?))),
        "Promotion" => Ok(query::promotion(ctx, &key()?).await?.map(Entity::Promotion)),
        _ => Err(invalid_input("__typename", "must be Campaign, Customer or Promotion").into()),
    }
}

/// Finds a campaign for an admin. Other roles must not learn that it exists, not even by `__typename`.
async fn find_campaign(ctx: &Context<'_>, id: &ID) -> Result<Option<Campaign>> {
    let role = ctx.data::<Principal>()?.role;
    if role != auth::Role::Admin {
        return Err(forbidden("Campaign", format_args!("the credential's role is {role}")).into());
    }
    Ok(ctx.data::<Loaders>()?.campaign(parse_id(id, "id")?).await?.map(Campaign))
}

/// Returns the customer with this number. Any number is valid: another graph owns customers.
fn find_customer(ctx: &Context<'_>, id: &ID) -> Result<Customer> {
    let customer: CustomerId = Long::from_text(id).parse_as("id")?;
    own_customer(ctx.data::<Principal>()?, customer)?;
    Ok(Customer(customer))
}

/// The root of queries in the text of the subgraph: async-graphql adds the fields of federation if there are entities,
/// and states their keys.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub struct SubgraphQuery(pub Reads, pub Keys);

/// The keys of the entities.
pub struct Keys;

#[Object]
impl Keys {
    #[graphql(entity)]
    async fn promotion(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Promotion>> {
        query::promotion(ctx, &id).await
    }

    #[graphql(entity)]
    async fn campaign(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Campaign>> {
        find_campaign(ctx, &id).await
    }

    #[graphql(entity)]
    async fn customer(&self, ctx: &Context<'_>, id: ID) -> Result<Customer> {
        find_customer(ctx, &id)
    }
}

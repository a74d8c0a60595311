//! The public schema. Resolvers parse what comes in into domain types and call one method of the service; they hold no
//! rule of their own. async-graphql is used here and in one handler of [`crate::http`].

mod access;
mod api;
mod campaign;
mod completion;
mod customer;
mod documents;
mod error;
mod federation;
mod guard;
mod issue;
mod known;
mod link;
mod loaders;
mod mutation;
mod paging;
mod promotion;
mod promotion_code;
mod query;
mod redemption;
mod refused;
mod scalars;
mod shape;
mod text;
mod variables;

use async_graphql::{EmptySubscription, ObjectType, SDLExportOptions, Schema, SchemaBuilder};

pub use self::{
    api::{Api, ApiSettings, Call, Document, Prepared, Services},
    documents::{InvalidManifest, PersistedDocuments},
    error::{
        bad_request, code_of, credential_unchecked, internal, is_overloaded, name_request, not_looked_up, overloaded,
        timed_out, too_many_operations, unauthenticated,
    },
    guard::{DocumentLimits, scan},
    refused::{Refusal, Refused},
};
use self::{
    campaign::Campaign,
    error::ErrorCode,
    federation::{Entities, SubgraphQuery},
    mutation::Mutation,
    paging::List,
    promotion::Promotion,
    promotion_code::PromotionCode,
    query::{Query, Reads},
    redemption::Redemption,
};

/// The public schema in the schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    text(&with_query(Query(Reads)).finish(), SDLExportOptions::new())
}

/// The schema as gateways compose it with others: Apollo Federation 2.
#[must_use]
pub fn subgraph_sdl() -> String {
    text(&builder().finish(), SDLExportOptions::new().federation())
}

fn text<Q: ObjectType + 'static>(schema: &Schema<Q, Mutation, EmptySubscription>, options: SDLExportOptions) -> String {
    let sdl = schema.sdl_with_options(options.include_specified_by().use_space_ident());
    format!("{}\n", sdl.trim_end())
}

fn builder() -> SchemaBuilder<SubgraphQuery, Mutation, EmptySubscription> {
    with_query(SubgraphQuery(Reads, Entities))
}

fn with_query<Q: ObjectType + 'static>(query: Q) -> SchemaBuilder<Q, Mutation, EmptySubscription> {
    Schema::build(query, Mutation, EmptySubscription)
        .register_output_type::<ErrorCode>()
        .override_output_type_description::<List<Campaign>>("A page of campaigns.")
        .override_output_type_description::<List<Promotion>>("A page of promotions.")
        .override_output_type_description::<List<PromotionCode>>("A page of codes.")
        .override_output_type_description::<List<Redemption>>("A page of redemptions.")
}

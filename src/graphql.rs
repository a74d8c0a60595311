//! The public API: `types` is the schema with its resolvers, `engine` executes documents against it, and `loaders` read
//! relations in batches. async-graphql is used here and in one handler of [`crate::http`].

mod engine;
mod error;
mod loaders;
mod types;

use async_graphql::{EmptySubscription, ObjectType, SDLExportOptions, Schema, SchemaBuilder};

pub use self::{
    engine::{
        DocumentLimits, DocumentSource, Engine, EngineSettings, GraphqlRequest, Introspection, InvalidLimit,
        InvalidManifest, PersistedDocuments, PreparedOperation, RequestError, RequestErrorKind, Services,
        VariableValues,
    },
    error::{
        bad_request, code_of, credential_unchecked, internal, is_overloaded, name_request, not_looked_up, overloaded,
        timed_out, too_many_operations, unauthenticated,
    },
};
use self::{
    error::ErrorCode,
    types::{
        Campaign, Federation, Keys, List, Mutation, Promotion, PromotionCode, Query, Reads, Redemption, RootQuery,
        SubgraphQuery,
    },
};

/// The public schema in the schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    sdl_text(&with_query(Query(Reads)).finish(), SDLExportOptions::new())
}

/// The schema as gateways compose it with others: Apollo Federation 2.
#[must_use]
pub fn subgraph_sdl() -> String {
    sdl_text(&with_query(SubgraphQuery(Reads, Keys)).finish(), SDLExportOptions::new().federation())
}

/// The schema that is executed: the public one, and the fields that gateways need.
fn executable_schema() -> SchemaBuilder<RootQuery, Mutation, EmptySubscription> {
    // The engine has validated what is executed.
    with_query(RootQuery(Reads, Federation)).validation_mode(async_graphql::ValidationMode::Fast)
}

fn sdl_text<Q: ObjectType + 'static>(
    schema: &Schema<Q, Mutation, EmptySubscription>,
    options: SDLExportOptions,
) -> String {
    let sdl = schema.sdl_with_options(options.include_specified_by().use_space_ident());
    format!("{}\n", sdl.trim_end())
}

fn with_query<Q: ObjectType + 'static>(query: Q) -> SchemaBuilder<Q, Mutation, EmptySubscription> {
    Schema::build(query, Mutation, EmptySubscription)
        .register_output_type::<ErrorCode>()
        .override_output_type_description::<List<Campaign>>("A page of campaigns.")
        .override_output_type_description::<List<Promotion>>("A page of promotions.")
        .override_output_type_description::<List<PromotionCode>>("A page of codes.")
        .override_output_type_description::<List<Redemption>>("A page of redemptions.")
}

//! The public API: `types` is the schema with its resolvers, `engine` executes documents against it, `loaders` read relations
//! in batches, and `error` is what callers learn of failures. async-graphql is used here and in one handler of [`crate::http`].

mod engine;
mod error;
mod loaders;
mod types;

use async_graphql::{EmptySubscription, ObjectType, SDLExportOptions, Schema, SchemaBuilder, connection::PageInfo};

pub use self::{
    engine::{
        DocumentLimits, DocumentSource, Engine, EngineSettings, GraphqlRequest, Introspection, InvalidLimit,
        InvalidManifest, PersistedDocuments, PreparedOperation, RequestError, RequestErrorKind, Services,
        VariableValues,
    },
    error::{
        bad_request, code_of, credential_lookup_failed, credential_unchecked, internal, is_overloaded, log_store_error,
        name_request, overloaded, timed_out, too_many_operations, unauthenticated,
    },
};
use self::{
    error::ErrorCode,
    types::{
        Campaign, Event, Federation, Keys, List, ListItem, Mutation, Promotion, PromotionCode, Query, Reads,
        Redemption, RootQuery, SubgraphQuery,
    },
};

/// The description of the type `Query`, the front page of the API: async-graphql 8.0.0-rc.5 can't describe the schema itself.
const FRONT_PAGE: &str = include_str!("graphql/types/query.md").trim_ascii_end();

/// The public schema in the schema definition language, as in `schema.graphql`.
#[must_use]
pub fn sdl() -> String {
    sdl_text(&with_query(Query(Reads)).finish(), SDLExportOptions::new())
}

/// The schema for gateways, as a subgraph of Apollo Federation 2.
#[must_use]
pub fn subgraph_sdl() -> String {
    let sdl = sdl_text(&with_query(SubgraphQuery(Reads, Keys)).finish(), SDLExportOptions::new().federation());
    // async-graphql 8.0.0-rc.5 writes the version of Federation that it was made for. `@cost` and `@listSize` came with 2.9.
    sdl.replacen("/federation/v2.5\"", "/federation/v2.9\"", 1).replacen(
        "\"@key\"",
        "\"@key\", \"@cost\", \"@listSize\"",
        1,
    )
}

/// The schema that is executed: the public one with the fields for gateways.
fn executable_schema() -> SchemaBuilder<RootQuery, Mutation, EmptySubscription> {
    // The engine has validated the document.
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
        .override_output_type_description::<Q>(FRONT_PAGE)
        .override_output_type_description::<List<Campaign>>("A page of campaigns.")
        .override_output_type_description::<List<Event>>("A page of events.")
        .override_output_type_description::<List<Promotion>>("A page of promotions.")
        .override_output_type_description::<List<PromotionCode>>("A page of promotion codes.")
        .override_output_type_description::<List<Redemption>>("A page of redemptions.")
        .override_output_type_description::<ListItem<Campaign>>("A campaign on a page, with its cursor.")
        .override_output_type_description::<ListItem<Event>>("An event on a page, with its cursor.")
        .override_output_type_description::<ListItem<Promotion>>("A promotion on a page, with its cursor.")
        .override_output_type_description::<ListItem<PromotionCode>>("A promotion code on a page, with its cursor.")
        .override_output_type_description::<ListItem<Redemption>>("A redemption on a page, with its cursor.")
        .override_output_type_description::<PageInfo>(
            "The position of a page in its list. While `hasNextPage` is true, pass `endCursor` as `after` to get the next page. \
             Lists can be read forward only.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subgraph_imports_the_directives_of_its_fields() {
        let sdl = subgraph_sdl();
        assert!(sdl.contains("/federation/v2.9\""));
        assert!(sdl.contains("\"@cost\", \"@listSize\""));
    }
}

//! The public schema. Resolvers parse what comes in into domain types and call one method of the service; they hold no
//! rule of their own. async-graphql is used here and in one handler of [`crate::http`].

mod campaign;
mod completion;
mod customer;
mod error;
mod issue;
mod link;
mod loaders;
mod mutation;
mod paging;
mod promotion;
mod promotion_code;
mod query;
mod redemption;
mod scalars;

use std::sync::Arc;

use async_graphql::{EmptySubscription, Request, Response, SDLExportOptions, Schema, SchemaBuilder, ServerError};

use self::{completion::Completion, error::ErrorCode, loaders::Loaders, mutation::Mutation, query::Query};
use crate::{auth::Principal, promotions::PromotionService};

/// The schema over a running service.
#[derive(Clone)]
pub struct Api {
    schema: Schema<Query, Mutation, EmptySubscription>,
    completion: Arc<Completion>,
    service: Arc<PromotionService>,
}

impl Api {
    /// Builds the schema over a service.
    ///
    /// # Panics
    /// If the library can't read its own text of the schema, which a test would show.
    #[must_use]
    pub fn new(service: Arc<PromotionService>) -> Self {
        let completion = Arc::new(Completion::new(&sdl()).expect("the schema's text is well-formed"));
        Self { schema: builder().data(Arc::clone(&service)).finish(), completion, service }
    }

    /// Executes a request on behalf of a caller.
    pub async fn execute(&self, mut request: Request, principal: Principal) -> Response {
        let document = match request.parsed_query() {
            Ok(document) => document.clone(),
            Err(error) => return request_failed(vec![error], "GRAPHQL_PARSE_FAILED"),
        };
        let operation = request.operation_name.clone();
        if let Some(key) = Completion::repeated_change(&document, operation.as_deref()) {
            let message = format!("The mutation selects \"{key}\" more than once; give each an alias.");
            return request_failed(vec![ServerError::new(message, None)], "GRAPHQL_VALIDATION_FAILED");
        }
        let loaders = Loaders::new(&self.service, principal.org);
        let mut response = self.schema.execute(request.data(principal).data(loaders)).await;
        // An error that is about no field is about the document: nothing was executed.
        if response.errors.iter().any(|error| error.path.is_empty()) {
            return request_failed(response.errors, "GRAPHQL_VALIDATION_FAILED");
        }
        for error in &mut response.errors {
            // What the resolvers did not say themselves the library says of an argument, such as an Int out of range.
            mark(error, "INVALID_INPUT");
        }
        self.completion.complete(&document, operation.as_deref(), &mut response);
        response
    }
}

/// The response to a document that can't be executed.
fn request_failed(mut errors: Vec<ServerError>, code: &str) -> Response {
    for error in &mut errors {
        mark(error, code);
    }
    Response::from_errors(errors)
}

/// Gives an error a code, if it has none.
fn mark(error: &mut ServerError, code: &str) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", code);
        extensions.set("retryable", false);
    }
}

/// The public schema in the schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let sdl = builder().finish().sdl_with_options(SDLExportOptions::new().include_specified_by().use_space_ident());
    format!("{}\n", sdl.trim_end())
}

fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query, Mutation, EmptySubscription).register_output_type::<ErrorCode>()
}

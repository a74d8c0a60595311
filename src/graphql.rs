//! The public schema. Resolvers parse what comes in into domain types and call one method of the service; they hold no
//! rule of their own. async-graphql is used here and in one handler of [`crate::http`].

mod campaign;
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

use async_graphql::{EmptySubscription, Request, Response, SDLExportOptions, Schema, SchemaBuilder};

use self::{error::ErrorCode, loaders::Loaders, mutation::Mutation, query::Query};
use crate::{auth::Principal, promotions::PromotionService};

/// The schema over a running service.
#[derive(Clone)]
pub struct Api {
    schema: Schema<Query, Mutation, EmptySubscription>,
    service: Arc<PromotionService>,
}

impl Api {
    /// Builds the schema over a service.
    #[must_use]
    pub fn new(service: Arc<PromotionService>) -> Self {
        Self { schema: builder().data(Arc::clone(&service)).finish(), service }
    }

    /// Executes a request on behalf of a caller.
    pub async fn execute(&self, request: Request, principal: Principal) -> Response {
        let loaders = Loaders::new(&self.service, principal.org);
        self.schema.execute(request.data(principal).data(loaders)).await
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

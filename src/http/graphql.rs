//! The GraphQL endpoint.

use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::extract::State;

use super::Shared;

/// Executes one request.
pub async fn execute(State(shared): State<Shared>, request: GraphQLRequest) -> GraphQLResponse {
    shared.api.execute(request.into_inner(), shared.principal).await.into()
}

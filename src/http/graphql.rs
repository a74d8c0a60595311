//! The GraphQL endpoint: POST with a JSON body alone, which no other site's page can send without asking first (CORS).

use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{
    extract::{FromRequest, Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::Shared;

/// Executes one request.
pub async fn execute(State(shared): State<Shared>, request: Request) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let advice = "send the request with the header content-type: application/json\n";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, advice).into_response();
    }
    match GraphQLRequest::<async_graphql_axum::rejection::GraphQLRejection>::from_request(request, &()).await {
        Ok(request) => {
            let response = shared.api.execute(request.into_inner(), shared.principal).await;
            GraphQLResponse::from(response).into_response()
        }
        Err(rejection) => rejection.into_response(),
    }
}

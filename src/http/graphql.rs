//! The GraphQL endpoint: GraphQL over HTTP as its draft specification has it
//! (<https://graphql.github.io/graphql-over-http/draft/>).
//!
//! The stock handler of async-graphql-axum executes mutations from whatever a web page of a stranger's can send, takes
//! batches, and answers every request alike. So what arrives is read and judged here, and that library is left what it
//! does well: writing the response to what was executed.

mod answer;
mod body;
mod execute;
mod media;
mod request;
mod unsent;

use std::sync::Arc;

use axum::{
    body::HttpBody,
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};

use self::{answer::Answerer, body::Unread, execute::Failure, request::Params};
pub use self::{
    answer::{TooLargeToCompress, unseen},
    media::Media,
    unsent::Unsent,
};
use super::{
    Shared,
    access_log::{About, Naming, Reason},
    credentials::{admit, known_caller, name_of},
};
use crate::{auth::Principal, graphql::GraphqlRequest};

/// Where the endpoint is.
pub const PATH: &str = "/graphql";

/// The length of a body, in bytes, that needs not be read before its request is rejected.
const SMALL_BODY: u64 = 8 * 1024;

/// Rejects a request of a caller that has its share of the places already, before all other layers: what is rejected takes
/// time from what is executed.
pub async fn shed_load(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if request.uri().path() == PATH
        && shared.concurrency.is_full()
        && let Some(principal) = known_caller(&shared.authenticator, request.headers())
        && shared.concurrency.rejects(&principal)
    {
        let media = Media::negotiate(request.headers()).unwrap_or(Media::Json);
        let mut answerer = Answerer::new(media, About::of(&request));
        answerer.about.credential = Some(name_of(&principal).into());
        answerer.about.unserved = true;
        let response = answerer.busy(Reason::ShareTaken);
        // What is smaller has arrived with the head.
        if request.body().size_hint().upper().is_none_or(|length| length > SMALL_BODY) {
            body::discard(request.into_body()).await;
        }
        return response;
    }
    next.run(request).await
}

/// Executes a query or a mutation: POST, with a JSON body alone, which no stranger's page can send without asking first
/// (CORS).
pub async fn post(State(shared): State<Shared>, request: Request) -> Response {
    let about = About::of(&request);
    let (parts, content) = request.into_parts();
    let (principal, mut answerer) = match admitted(&shared, &parts.headers, about).await {
        Ok(admitted) => admitted,
        Err(response) => {
            // A caller that is let in gets to read why it is rejected.
            if is_authenticated(&response) {
                body::discard(content).await;
            }
            return *response;
        }
    };
    match request::from_body(&parts.headers, content, &principal, &shared.large_bodies).await {
        Ok(params) => respond(shared, principal, params, false, answerer).await,
        Err(Unread::Malformed(malformed)) => answerer.malformed(malformed),
        Err(Unread::Failed(failure)) => answerer.failed(failure, false),
    }
}

/// Executes a query: GET, with the parameters in the URL.
pub async fn get(State(shared): State<Shared>, request: Request) -> Response {
    let about = About::of(&request);
    let (principal, mut answerer) = match admitted(&shared, request.headers(), about).await {
        Ok(admitted) => admitted,
        Err(response) => return *response,
    };
    match request::from_query(request.uri()) {
        Ok(params) => respond(shared, principal, params, true, answerer).await,
        Err(malformed) => answerer.malformed(malformed),
    }
}

/// Whether the credential of a rejected request was accepted.
fn is_authenticated(response: &Response) -> bool {
    response.extensions().get::<About>().is_some_and(|about| about.credential.is_some())
}

/// Who asks, and how to answer.
async fn admitted(shared: &Shared, headers: &HeaderMap, about: About) -> Result<(Principal, Answerer), Box<Response>> {
    let Some(media) = Media::negotiate(headers) else { return Err(Box::new(answer::not_acceptable(about))) };
    // First, so that a caller who goes while the credential is looked up is told of too.
    let mut answerer = Answerer::new(media, about.clone());
    let admitted = admit(&shared.authenticator, &shared.limiter, headers, media, about).await;
    let principal = admitted.inspect_err(|_| answerer.leave())?;
    answerer.about.credential = Some(name_of(&principal).into());
    Ok((principal, answerer))
}

async fn respond(
    shared: Shared,
    principal: Principal,
    params: Params,
    queries_only: bool,
    mut answerer: Answerer,
) -> Response {
    let _place = params.place;
    let call = GraphqlRequest {
        document: params.document,
        operation_name: params.operation_name,
        variables: params.variables,
        queries_only,
    };
    let prepared = match execute::prepare(&shared, call, principal, params.bytes).await {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(error)) => return answerer.request_error(&error),
        Err(failure) => return answerer.failed(failure, false),
    };
    answerer.about.operation = prepared.name().map(Arc::from);
    answerer.about.naming = Naming::of(&prepared, &principal);
    let further = prepared.points() - 1;
    if let Err(wait) = shared.limiter.charge_cost(&principal, further) {
        return answerer.too_many_operations(wait);
    }
    let is_mutation = prepared.is_mutation();
    let id = answerer.about.id.clone();
    match execute::execute(&shared, prepared, principal, id.as_deref()).await {
        Ok(encoded) => answerer.executed(encoded),
        Err(failure) => {
            if matches!(failure, Failure::Busy(_)) {
                shared.limiter.refund_cost(&principal, further);
            }
            answerer.failed(failure, is_mutation)
        }
    }
}

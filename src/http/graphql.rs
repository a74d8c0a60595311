//! The GraphQL endpoint: GraphQL over HTTP by its draft specification
//! (<https://graphql.github.io/graphql-over-http/draft/>).
//!
//! The handler of async-graphql-axum executes mutations from requests that any web page can send, accepts batches, and
//! gives every request the same status. So requests are read and judged here, and that library only encodes responses.

mod accept;
mod encoding;
mod execute;
mod failure;
mod params;
mod request_body;
mod response;
mod unsent_responses;

use std::sync::Arc;

use axum::{
    body::HttpBody,
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};

use self::{encoding::Encoded, params::Params};
pub use self::{
    encoding::TooLargeToCompress,
    failure::{BadRequest, Failure},
    response::Responder,
    unsent_responses::UnsentResponses,
};
use super::{
    Shared,
    access_log::{OperationSource, Reason, RequestRecord},
    admission::{Denied, admit, known_caller},
};
use crate::auth::Principal;

/// The path of the endpoint.
pub const PATH: &str = "/graphql";

/// The largest body, in bytes, that need not be read before its request is rejected: it arrives together with the head.
const SMALL_BODY: u64 = 8 * 1024;

/// Middleware: rejects a request immediately if no permit is free and its caller has its share. It comes before the other
/// layers and must be cheap, since rejections compete with the operations in progress.
pub async fn shed_load(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if request.uri().path() == PATH
        && shared.concurrency.is_full()
        && let Some(caller) = known_caller(&shared.authenticator, request.headers())
        && shared.concurrency.rejects(&caller)
    {
        let mut responder = Responder::new(request.headers(), RequestRecord::of(&request));
        responder.record().set_caller(&caller);
        responder.record().rejected_early = true;
        let response = responder.failed(Failure::Busy(Reason::ShareTaken));
        if request.body().size_hint().upper().is_none_or(|length| length > SMALL_BODY) {
            request_body::discard(request.into_body()).await;
        }
        return response;
    }
    next.run(request).await
}

/// Executes a query or a mutation: POST, with a JSON body. Web pages can't send one to another origin without a preflight
/// (CORS).
pub async fn post(State(shared): State<Shared>, request: Request) -> Response {
    let mut responder = Responder::new(request.headers(), RequestRecord::of(&request));
    let (parts, body) = request.into_parts();
    let caller = match admitted(&shared, &parts.headers, &mut responder).await {
        Ok(caller) => caller,
        Err(failure) => {
            // Only a caller with a valid credential gets to send its body, and so to read why it was rejected.
            let is_authenticated = matches!(failure, Failure::Denied(Denied::OperationLimit { .. }));
            let response = responder.failed(failure);
            if is_authenticated {
                request_body::discard(body).await;
            }
            return response;
        }
    };
    let result = match params::from_body(&parts.headers, body, &caller, &shared.large_bodies).await {
        Ok(params) => execute(&shared, caller, params, responder.record()).await,
        Err(failure) => Err(failure),
    };
    responder.respond(result)
}

/// Executes a query: GET, with the parameters in the URL.
pub async fn get(State(shared): State<Shared>, request: Request) -> Response {
    let mut responder = Responder::new(request.headers(), RequestRecord::of(&request));
    let caller = match admitted(&shared, request.headers(), &mut responder).await {
        Ok(caller) => caller,
        Err(failure) => return responder.failed(failure),
    };
    let result = match params::from_query(request.uri()) {
        Ok(params) => execute(&shared, caller, params, responder.record()).await,
        Err(error) => Err(error.into()),
    };
    responder.respond(result)
}

/// The caller, if the client accepts a media type of responses and its credential is valid.
async fn admitted(shared: &Shared, headers: &HeaderMap, responder: &mut Responder) -> Result<Principal, Failure> {
    responder.check_acceptable()?;
    let caller = admit(&shared.authenticator, &shared.limiter, headers).await.map_err(Failure::Denied)?;
    responder.record().set_caller(&caller);
    Ok(caller)
}

async fn execute(
    shared: &Shared,
    caller: Principal,
    Params { call, bytes, permits: _permits }: Params,
    record: &mut RequestRecord,
) -> Result<Encoded, Failure> {
    let prepared = execute::prepare(shared, call, caller, bytes).await?;
    record.operation = prepared.name().map(Arc::from);
    record.source = OperationSource::of(&prepared, &caller);
    // Admission has taken one point already.
    let further = prepared.points() - 1;
    shared.limiter.charge_cost(&caller, further).map_err(Failure::OperationLimit)?;
    let result = execute::execute(shared, prepared, caller, record.id.as_deref()).await;
    if matches!(result, Err(Failure::Busy(_))) {
        shared.limiter.refund_cost(&caller, further);
    }
    result
}

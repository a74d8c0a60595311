//! The GraphQL endpoint: GraphQL over HTTP as its draft specification has it
//! (<https://graphql.github.io/graphql-over-http/draft/>).
//!
//! The stock handler of async-graphql-axum executes mutations from whatever a web page of a stranger's can send, takes
//! batches, and answers every request alike. So what arrives is read and judged here, and that library is left what it
//! does well: writing the response to what was executed.

mod answer;
mod media;
mod places;
mod request;
mod turns;

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use tokio::time;
use tracing::Instrument;

use self::{answer::Answerer, request::Params};
pub use self::{answer::unseen, media::Media, places::Places, turns::Turns};
use super::{
    REQUEST_TIMEOUT, Shared,
    access_log::{Naming, tell_unserved},
    credentials::{admit, name_of},
};
use crate::{auth::Principal, graphql::Call};

/// Where the endpoint is.
pub const PATH: &str = "/graphql";

/// Refuses a request that there is no place for: at once, and for as little as it takes, since what is refused takes time
/// from what goes on.
pub async fn door(State(places): State<Places>, request: Request, next: Next) -> Response {
    if request.uri().path() != PATH || places.any() {
        return next.run(request).await;
    }
    let media = Media::negotiate(request.headers()).unwrap_or(Media::Json);
    let response = Answerer::new(media, request.headers()).busy();
    tell_unserved(&response);
    response
}

/// Executes a query or a mutation: POST, with a JSON body alone, which no stranger's page can send without asking first
/// (CORS).
pub async fn post(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (principal, mut answerer) = match admitted(&shared, &parts.headers).await {
        Ok(admitted) => admitted,
        Err(response) => return *response,
    };
    match request::from_body(&parts.headers, body).await {
        Ok(params) => execute(shared, principal, params, false, answerer).await,
        Err(malformed) => answerer.malformed(&malformed),
    }
}

/// Executes a query: GET, with the parameters in the URL.
pub async fn get(State(shared): State<Shared>, request: Request) -> Response {
    let (principal, mut answerer) = match admitted(&shared, request.headers()).await {
        Ok(admitted) => admitted,
        Err(response) => return *response,
    };
    match request::from_query(request.uri()) {
        Ok(params) => execute(shared, principal, params, true, answerer).await,
        Err(malformed) => answerer.malformed(&malformed),
    }
}

/// Who asks, and how to answer.
async fn admitted(shared: &Shared, headers: &HeaderMap) -> Result<(Principal, Answerer), Box<Response>> {
    let media = Media::negotiate(headers).ok_or_else(|| Box::new(answer::not_acceptable(headers)))?;
    // First, so that a caller who goes while the credential is looked up is told of too.
    let mut answerer = Answerer::new(media, headers);
    let admitted = admit(&shared.authenticator, &shared.limiter, headers, media).await;
    let principal = admitted.inspect_err(|_| answerer.leave())?;
    answerer.about.credential = Some(name_of(&principal).into());
    Ok((principal, answerer))
}

async fn execute(
    shared: Shared,
    principal: Principal,
    params: Params,
    queries_only: bool,
    mut answerer: Answerer,
) -> Response {
    // Taken only now: who is not let in, or takes long to say what is wanted, takes nobody's place.
    let Some(place) = shared.places.take() else { return answerer.busy() };
    let call = Call {
        document: params.document,
        operation_name: params.operation_name,
        variables: params.variables,
        queries_only,
    };
    let prepared = match shared.engine.prepare(call, &principal) {
        Ok(prepared) => prepared,
        Err(error) => return answerer.request_error(&error),
    };
    answerer.about.operation = prepared.name().map(Arc::from);
    answerer.about.naming = Naming::of(&prepared, &principal);
    let changes = prepared.is_mutation();
    let turn = shared.turns.take(prepared.values());
    let executing = AssertUnwindSafe(async move {
        // Until it is done, whether or not its caller waits so long.
        let _place = place;
        let turn = turn.await;
        (shared.engine.execute(prepared, principal).await, turn)
    });
    let executing = executing.catch_unwind().map(|executed| executed.map_err(|panic| tell_panic(&*panic)));
    let executed = if changes {
        // In a task of its own: a change under way is not given up half-way, whether its caller goes or the time is up.
        let task = tokio::spawn(executing.in_current_span());
        time::timeout(REQUEST_TIMEOUT, async { task.await.unwrap_or(Err(())) }).await
    } else {
        time::timeout(REQUEST_TIMEOUT, executing).await
    };
    match executed {
        Ok(Ok((response, turn))) => turns::hold(answerer.executed(response), turn),
        Ok(Err(())) => answerer.broken(),
        Err(_) => answerer.timed_out(changes),
    }
}

/// Logs why a request panicked, under its id.
fn tell_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&str>().copied();
    let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = message.unwrap_or("of an unknown kind"), "a request panicked");
}

//! Prepares and executes operations: light ones on the threads that serve all requests, heavy ones on threads of their own.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tracing::Instrument;

use super::{Encoded, Failure, Shared};
use crate::{
    auth::Principal,
    graphql::{GraphqlRequest, PreparedOperation},
    http::{REQUEST_TIMEOUT, access_log::Reason, concurrency::OperationKind},
};

/// Queries that cost more are heavy: they keep a thread busy for 5 ms or more. A wallet of 100 promotions with all fields
/// costs 2,000.
const HEAVY_COST: usize = 5_000;

/// Mutations that cost more are heavy. They mostly wait for the database: 500 links with all fields cost 12,000, and should
/// not wait for heavy queries.
const HEAVY_MUTATION_COST: usize = 25_000;

/// Requests of more bytes are heavy to prepare, because of their variables: 500 links have 50 KB.
const HEAVY_BYTES: usize = 64 * 1024;

/// Prepares an operation of a request of this many bytes.
pub async fn prepare(
    shared: &Shared,
    call: GraphqlRequest,
    caller: Principal,
    bytes: usize,
) -> Result<PreparedOperation, Failure> {
    if bytes <= HEAVY_BYTES && !shared.engine.is_heavy_to_prepare(&call, &caller) {
        return shared.engine.prepare(call, &caller).map_err(Failure::Rejected);
    }
    let permits = shared.heavy.acquire_heavy(&caller, 0).await.ok_or(Failure::Busy(Reason::NoHeavyPermit))?;
    let engine = shared.engine.clone();
    let work = move || {
        let _permits = permits;
        engine.prepare(call, &caller)
    };
    join(spawn_blocking(work), false).await?.map_err(Failure::Rejected)
}

/// Executes a prepared operation, and encodes its response.
///
/// If the client disconnects or the time is up, a query is cancelled; a mutation is executed to its end.
pub async fn execute(
    shared: &Shared,
    prepared: PreparedOperation,
    caller: Principal,
    id: Option<&str>,
) -> Result<Encoded, Failure> {
    let (cost, is_mutation) = (prepared.cost(), prepared.is_mutation());
    let is_heavy = cost > if is_mutation { HEAVY_MUTATION_COST } else { HEAVY_COST };
    let (permits, reason) = if is_heavy {
        (shared.heavy.acquire_heavy(&caller, cost).await, Reason::NoHeavyPermit)
    } else {
        let kind = if is_mutation { OperationKind::Mutation } else { OperationKind::Query };
        (shared.concurrency.acquire(&caller, kind, cost).await, Reason::NoPermit)
    };
    let permits = permits.ok_or(Failure::Busy(reason))?;
    let (engine, unsent, id) = (shared.engine.clone(), shared.unsent_responses.clone(), id.map(ToOwned::to_owned));
    let work = async move {
        let _permits = permits;
        let executed = engine.execute(prepared, caller, id.as_deref()).await;
        Encoded::new(executed, id.as_deref(), |bytes| unsent.body(&caller, bytes)).await
    };
    let work = work.in_current_span();
    let result = async {
        match (is_heavy, is_mutation) {
            (false, false) => AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| log_panic(&*panic)),
            (false, true) => join(tokio::spawn(work), true).await,
            (true, _) => on_own_thread(work, is_mutation).await,
        }
    };
    timeout(REQUEST_TIMEOUT, result).await.unwrap_or(Err(Failure::TimedOut { is_mutation }))
}

/// Runs work on a thread of its own. The work of a query is cancelled when this future is dropped.
async fn on_own_thread<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    is_mutation: bool,
) -> Result<T, Failure> {
    // Dropping the sender cancels.
    let (_sender, cancelled) = oneshot::channel::<()>();
    let runtime = Handle::current();
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                done = work => Some(done),
                _ = cancelled, if !is_mutation => None,
            }
        })
    };
    join(spawn_blocking(run), is_mutation).await?.ok_or(Failure::TimedOut { is_mutation })
}

/// The result of a task.
async fn join<T>(task: JoinHandle<T>, is_mutation: bool) -> Result<T, Failure> {
    task.await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => log_panic(&*panic),
        // The runtime is shutting down.
        Err(_) => Failure::TimedOut { is_mutation },
    })
}

/// Logs the message of a panic, in the request's span.
fn log_panic(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = message.unwrap_or("without a message"), "a request panicked");
    Failure::Panicked
}

//! Where the work of a request is done: on the threads that serve all requests or, if it is heavy, on threads of its own.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tracing::Instrument;

use super::{Shared, answer::Encoded};
use crate::{
    auth::Principal,
    graphql::{GraphqlRequest, PreparedOperation, RequestError},
    http::{REQUEST_TIMEOUT, access_log::Reason, concurrency::Kind},
};

/// Operations that cost more are heavy: they keep a thread busy for 5 ms and more. A wallet of 100 with all fields costs
/// 2,000.
const HEAVY_COST: usize = 5_000;

/// The same for mutations, which mostly wait for the database: 500 links with all fields cost 12,000, and should not wait for
/// heavy queries.
const HEAVY_MUTATION_COST: usize = 25_000;

/// Larger requests are heavy to prepare, for their variables: 500 links have 50 KB.
const HEAVY_BYTES: usize = 64 * 1024;

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// There were no places for the operation.
    Busy(Reason),
    /// It panicked. The log has the reason.
    Panicked,
    /// It took too long.
    TimedOut,
}

/// Prepares an operation. The request has this many bytes.
pub async fn prepare(
    shared: &Shared,
    call: GraphqlRequest,
    principal: Principal,
    bytes: usize,
) -> Result<Result<PreparedOperation, RequestError>, Failure> {
    if bytes <= HEAVY_BYTES && !shared.engine.is_heavy_to_prepare(&call, &principal) {
        return Ok(shared.engine.prepare(call, &principal));
    }
    let places = shared.heavy.take_heavy(&principal, 0).await.ok_or(Failure::Busy(Reason::NoHeavyPlace))?;
    let engine = shared.engine.clone();
    let work = move || {
        let _places = places;
        engine.prepare(call, &principal)
    };
    joined(spawn_blocking(work)).await
}

/// Executes an operation that was prepared, and encodes its response.
///
/// A mutation is executed to its end, whether its caller goes or the time is up. A query is given up then.
pub async fn execute(
    shared: &Shared,
    prepared: PreparedOperation,
    principal: Principal,
    id: Option<&str>,
) -> Result<Encoded, Failure> {
    let (cost, is_mutation) = (prepared.cost(), prepared.is_mutation());
    let is_heavy = cost > if is_mutation { HEAVY_MUTATION_COST } else { HEAVY_COST };
    let (places, reason) = if is_heavy {
        (shared.heavy.take_heavy(&principal, cost).await, Reason::NoHeavyPlace)
    } else {
        let kind = if is_mutation { Kind::Mutation } else { Kind::Query };
        (shared.concurrency.take(&principal, kind, cost).await, Reason::NoPlace)
    };
    let places = places.ok_or(Failure::Busy(reason))?;
    let (engine, unsent, id) = (shared.engine.clone(), shared.unsent.clone(), id.map(ToOwned::to_owned));
    let work = async move {
        let _places = places;
        let executed = engine.execute(prepared, principal).await;
        Encoded::new(executed, id.as_deref(), |bytes| unsent.body(&principal, bytes)).await
    };
    let work = work.in_current_span();
    let done = async {
        match (is_heavy, is_mutation) {
            (false, false) => AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| log_panic(&*panic)),
            (false, true) => joined(tokio::spawn(work)).await,
            (true, _) => on_own_thread(work, is_mutation).await,
        }
    };
    timeout(REQUEST_TIMEOUT, done).await.unwrap_or(Err(Failure::TimedOut))
}

/// Runs work on a thread of its own. Unless `to_its_end`, it is cancelled when this future is dropped.
async fn on_own_thread<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
    to_its_end: bool,
) -> Result<T, Failure> {
    let (_waiting, gone) = oneshot::channel::<()>();
    let runtime = Handle::current();
    let run = move || {
        runtime.block_on(async {
            tokio::select! {
                done = work => Some(done),
                _ = gone, if !to_its_end => None,
            }
        })
    };
    joined(spawn_blocking(run)).await?.ok_or(Failure::TimedOut)
}

async fn joined<T>(task: JoinHandle<T>) -> Result<T, Failure> {
    task.await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => log_panic(&*panic),
        // The server ends.
        Err(_) => Failure::TimedOut,
    })
}

/// Logs why a request panicked, under its id.
fn log_panic(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let message = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = message.unwrap_or("of an unknown kind"), "a request panicked");
    Failure::Panicked
}

//! Heavy requests take turns: there is only so much memory for what they answer with, and others go on beside them.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests of fewer values wait for nobody: a wallet of 100 with all fields has 2,000, 500 links with all fields 15,000.
const HEAVY: usize = 50_000;

/// The values of heavy requests that are under way or on their way to their clients: two of the largest, which take some
/// 100 MB each.
const AT_ONCE: usize = 1_000_000;

/// Whose turn it is.
#[derive(Clone)]
pub struct Turns(Arc<Semaphore>);

/// The turn of a heavy request, until it is dropped.
type Turn = Option<OwnedSemaphorePermit>;

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Turns {
    /// Waits for the turn of a request of so many values.
    pub fn take(&self, values: usize) -> impl Future<Output = Turn> + Send + use<> {
        let turns = Arc::clone(&self.0);
        async move {
            if values < HEAVY {
                return None;
            }
            turns.acquire_many_owned(u32::try_from(values.min(AT_ONCE)).unwrap_or(u32::MAX)).await.ok()
        }
    }
}

/// Holds a turn until the response has gone out.
pub fn hold(response: Response, turn: Turn) -> Response {
    match turn {
        None => response,
        Some(turn) => response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held = &turn;
                frame
            }))
        }),
    }
}

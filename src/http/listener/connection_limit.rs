//! Limits the number of connections of a listener. At the limit, a new connection replaces one that serves no request.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::activity::{Activity, State};

/// When connections must be closed, this fraction of those that can be closed is: one in 64. Finding them takes a pass over
/// all connections, which should not be needed for each new one.
const CLOSED_FRACTION: usize = 64;

/// The connections of a listener.
pub struct ConnectionLimit {
    permits: Arc<Semaphore>,
    open: Mutex<Open>,
    /// Notified when a connection can be closed.
    became_closable: Notify,
}

/// The open connections, by id.
#[derive(Default)]
struct Open {
    next_id: u64,
    activities: HashMap<u64, Arc<Activity>>,
}

impl ConnectionLimit {
    /// At most `count` connections.
    pub fn new(count: usize) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(count));
        Arc::new(Self { permits, open: Mutex::default(), became_closable: Notify::new() })
    }

    /// Adds a connection. At the limit, closes some others: those that have been idle the longest; if none is idle, those
    /// whose clients have taken the longest to send a body or, if there are none either, to read a response. Waits while
    /// all others execute requests.
    pub async fn add(self: &Arc<Self>) -> TrackedConnection {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                break Some(permit);
            }
            let is_closing = self.close_some();
            tokio::select! {
                permit = Arc::clone(&self.permits).acquire_owned() => break permit.ok(),
                () = self.became_closable.notified(), if !is_closing => {}
            }
        };
        let activity = Arc::new(Activity::idle());
        let id = {
            let mut open = self.open();
            let id = open.next_id;
            open.next_id += 1;
            open.activities.insert(id, Arc::clone(&activity));
            id
        };
        TrackedConnection { limit: Arc::clone(self), id, activity, responses: AtomicU64::new(0), _permit: permit }
    }

    /// Closes connections to make room. Returns whether it closed any.
    fn close_some(&self) -> bool {
        let open = self.open();
        let states = open.activities.values().map(|activity| (activity.state(), activity));
        let mut closable: Vec<_> = states.filter(|(state, _)| state.is_closable()).collect();
        let count = closable.len().div_ceil(CLOSED_FRACTION);
        if count < closable.len() {
            closable.select_nth_unstable_by_key(count, |(state, _)| *state);
        }
        let mut has_closed = false;
        for (state, activity) in &closable[..count] {
            has_closed |= activity.close_if(*state);
        }
        has_closed
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts towards the limit until it is dropped.
pub struct TrackedConnection {
    limit: Arc<ConnectionLimit>,
    id: u64,
    activity: Arc<Activity>,
    responses: AtomicU64,
    _permit: Option<OwnedSemaphorePermit>,
}

impl TrackedConnection {
    /// Completes when the connection must be closed.
    pub async fn closed(&self) {
        self.activity.closed().await;
    }

    /// Whether no request is in progress.
    pub fn is_idle(&self) -> bool {
        matches!(self.activity.state(), State::Idle(_))
    }

    /// The number of responses that have begun.
    pub fn responses(&self) -> u64 {
        self.responses.load(Ordering::Relaxed)
    }

    /// The head of a request has arrived. Returns a guard to hold until its response is complete. `None` if the connection
    /// is closing: the request must not be executed.
    pub fn begin_request(self: &Arc<Self>, has_body: bool) -> Option<RequestInProgress> {
        let next = |now| if has_body { State::Receiving(now) } else { State::Executing };
        self.change_if(|state| state != State::Closing, next).then(|| RequestInProgress(Arc::clone(self)))
    }

    /// The body of the request is complete. Returns `false` if the connection is closing: the request must not be executed.
    pub fn body_received(&self) -> bool {
        self.change_if(|state| state != State::Closing, |_| State::Executing)
    }

    /// The operating system has accepted all written bytes. Returns whether that made the connection idle.
    pub fn flushed(&self) -> bool {
        self.change_if(|state| matches!(state, State::Sending(_)), State::Idle)
    }

    fn change_if(&self, condition: impl FnOnce(State) -> bool, next: impl FnOnce(Instant) -> State) -> bool {
        let state = self.activity.change_if(condition, next);
        if state.is_some_and(State::is_closable) {
            self.limit.became_closable.notify_one();
        }
        state.is_some()
    }
}

impl Drop for TrackedConnection {
    fn drop(&mut self) {
        self.limit.open().activities.remove(&self.id);
    }
}

/// A request in progress, until this is dropped with its complete response.
pub struct RequestInProgress(Arc<TrackedConnection>);

impl RequestInProgress {
    /// The response begins: from now on, the client has a limited time to read it.
    pub fn begin_response(&self) {
        self.0.responses.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        self.0.change_if(|state| state != State::Closing, State::Sending);
    }
}

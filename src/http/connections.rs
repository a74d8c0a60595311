//! The connections of a listener: how many there may be, and which one is closed for a new one when all are taken.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The connections of a listener.
pub struct Connections {
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
    /// Notified when a connection becomes idle.
    became_idle: Notify,
}

/// The connections without a request under way: silent ones, those with an unfinished head, and those between requests.
#[derive(Default)]
struct Idle {
    /// What closes each of them, by the order in which they became idle.
    close: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

impl Connections {
    /// At most `count` connections.
    pub fn new(count: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(count));
        Arc::new(Self { places, idle: Mutex::default(), became_idle: Notify::new() })
    }

    /// Adds a connection. If there are as many as there may be, the one that has been idle for the longest time is closed.
    /// If none is idle, this waits.
    pub async fn add(self: &Arc<Self>) -> Connection {
        let place = loop {
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                break Some(place);
            }
            let closing = self.close_longest_idle();
            tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => break place.ok(),
                () = self.became_idle.notified(), if !closing => {}
            }
        };
        let close = Arc::new(Notify::new());
        let state = Mutex::new(State::Idle(self.idle().add(&close)));
        Connection { all: Arc::clone(self), close, state, responses: AtomicU64::new(0), _place: place }
    }

    /// Closes the connection that has been idle for the longest time. Returns whether there is one.
    fn close_longest_idle(&self) -> bool {
        let longest = self.idle().close.pop_first();
        longest.is_some_and(|(_, close)| {
            close.notify_one();
            true
        })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn add(&mut self, close: &Arc<Notify>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.close.insert(number, Arc::clone(close));
        number
    }
}

/// A connection. Its place is free again when it is dropped.
pub struct Connection {
    all: Arc<Connections>,
    close: Arc<Notify>,
    state: Mutex<State>,
    responses: AtomicU64,
    _place: Option<OwnedSemaphorePermit>,
}

/// Where a connection is between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No request is under way; the number is its key in [`Idle`].
    Idle(u64),
    /// A request is served.
    Serving,
    /// The response is complete, but the system has not taken all of it yet.
    Sending,
    /// It is closed for another one.
    Closing,
}

impl Connection {
    /// Completes when the connection is to be closed.
    pub async fn closed(&self) {
        self.close.notified().await;
    }

    /// Whether no request is under way.
    pub fn is_idle(&self) -> bool {
        matches!(*self.state(), State::Idle(_))
    }

    /// How many responses have begun.
    pub fn responses(&self) -> u64 {
        self.responses.load(Ordering::Relaxed)
    }

    /// A request's head has arrived. Returns what to hold until its response is complete, or `None` if the connection is
    /// about to be closed: it is too late to begin then.
    pub fn begin(self: &Arc<Self>) -> Option<UnderWay> {
        let mut state = self.state();
        if let State::Idle(number) = *state
            && self.all.idle().close.remove(&number).is_none()
        {
            *state = State::Closing;
        }
        if *state == State::Closing {
            return None;
        }
        *state = State::Serving;
        drop(state);
        Some(UnderWay(Arc::clone(self)))
    }

    /// The system has taken all that was written. Returns whether the connection has become idle by that.
    pub fn flushed(&self) -> bool {
        let mut state = self.state();
        if *state != State::Sending {
            return false;
        }
        *state = State::Idle(self.all.idle().add(&self.close));
        self.all.became_idle.notify_one();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Idle(number) = mem::replace(state, State::Closing) {
            self.all.idle().close.remove(&number);
        }
    }
}

/// A request under way, until its response is complete.
pub struct UnderWay(Arc<Connection>);

impl UnderWay {
    /// The response is ready: from now on the client takes the time.
    pub fn respond(&self) {
        self.0.responses.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.state() = State::Sending;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn is_closed(connection: &Connection) -> bool {
        timeout(Duration::from_millis(1), connection.closed()).await.is_ok()
    }

    async fn added(connections: &Arc<Connections>) -> Option<Arc<Connection>> {
        timeout(Duration::from_millis(1), connections.add()).await.ok().map(Arc::new)
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_is_idle_for_the_longest_time_is_closed_for_a_new_one() {
        let connections = Connections::new(2);
        let (first, second) = (added(&connections).await.unwrap(), added(&connections).await.unwrap());
        // The first has answered a request after the second came.
        drop(first.begin());
        assert!(first.flushed() && first.is_idle());
        let third = tokio::spawn(async move { added(&connections).await });
        assert!(is_closed(&second).await && !is_closed(&first).await);
        assert!(second.begin().is_none(), "it was closed before");
        drop(second);
        assert!(third.await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_waits_if_all_have_requests_under_way() {
        let connections = Connections::new(1);
        let first = added(&connections).await.unwrap();
        let request = first.begin();
        assert!(added(&connections).await.is_none());
        drop(request);
        assert!(added(&connections).await.is_none(), "the response is still sent");
        assert!(!is_closed(&first).await);
        let second = tokio::spawn(async move { connections.add().await });
        tokio::task::yield_now().await;
        assert!(first.flushed());
        assert!(is_closed(&first).await);
        drop(first);
        second.await.unwrap();
    }
}

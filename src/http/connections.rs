//! The connections of a listener: how many there may be, and which one is closed for a new one when all are taken.

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

/// When connections are closed for others, one of so many is: to look for them takes some time.
const CLOSED_PART: usize = 64;

/// The connections of a listener.
pub struct Connections {
    places: Arc<Semaphore>,
    open: Mutex<Open>,
    /// Notified when a connection can be closed for another one.
    became_closable: Notify,
}

/// The connections that are open, by id.
#[derive(Default)]
struct Open {
    next_id: u64,
    activities: HashMap<u64, Arc<Activity>>,
}

/// What a connection does.
struct Activity {
    state: Mutex<State>,
    /// Notified when the connection is to be closed.
    close: Notify,
}

/// Where a connection is between two requests. Of the connections that can be closed, the lowest is closed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// No request is under way: it is silent, its head is not complete, or it is between requests.
    Idle(Instant),
    /// The body of a request has not arrived completely. Nothing is executed yet.
    Receiving(Instant),
    /// The response is complete, but the client has not read all of it yet.
    Sending(Instant),
    /// A request is served.
    Serving,
    /// It is closed for another one.
    Closing,
}

impl State {
    const fn is_closable(self) -> bool {
        !matches!(self, Self::Serving | Self::Closing)
    }
}

impl Connections {
    /// At most `count` connections.
    pub fn new(count: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(count));
        Arc::new(Self { places, open: Mutex::default(), became_closable: Notify::new() })
    }

    /// Adds a connection. If there are as many as there may be, some are closed: those that have been idle for the longest
    /// time; if none is idle, those whose clients have taken the longest time to send a body or, if none sends one, to
    /// read a response. If all are served, this waits.
    pub async fn add(self: &Arc<Self>) -> Connection {
        let place = loop {
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                break Some(place);
            }
            let closing = self.close_some();
            tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => break place.ok(),
                () = self.became_closable.notified(), if !closing => {}
            }
        };
        let activity = Arc::new(Activity { state: Mutex::new(State::Idle(Instant::now())), close: Notify::new() });
        let id = {
            let mut open = self.open();
            let id = open.next_id;
            open.next_id += 1;
            open.activities.insert(id, Arc::clone(&activity));
            id
        };
        Connection { all: Arc::clone(self), id, activity, responses: AtomicU64::new(0), _place: place }
    }

    /// Closes connections for others. Returns whether one could be closed.
    fn close_some(&self) -> bool {
        let open = self.open();
        let states = open.activities.values().map(|activity| (*activity.state(), activity));
        let mut closable: Vec<_> = states.filter(|(state, _)| state.is_closable()).collect();
        let count = closable.len().div_ceil(CLOSED_PART);
        if count < closable.len() {
            closable.select_nth_unstable_by_key(count, |(state, _)| *state);
        }
        let mut closed = false;
        for (seen, activity) in &closable[..count] {
            let mut state = activity.state();
            // It may have gone on since.
            if *state == *seen {
                *state = State::Closing;
                activity.close.notify_one();
                closed = true;
            }
        }
        closed
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Activity {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection. Its place is free again when it is dropped.
pub struct Connection {
    all: Arc<Connections>,
    id: u64,
    activity: Arc<Activity>,
    responses: AtomicU64,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    /// Completes when the connection is to be closed.
    pub async fn closed(&self) {
        self.activity.close.notified().await;
    }

    /// Whether no request is under way.
    pub fn is_idle(&self) -> bool {
        matches!(*self.activity.state(), State::Idle(_))
    }

    /// How many responses have begun.
    pub fn responses(&self) -> u64 {
        self.responses.load(Ordering::Relaxed)
    }

    /// A request's head has arrived. Returns what to hold until its response is complete, or `None` if the connection is
    /// about to be closed: it is too late to begin then.
    pub fn begin(self: &Arc<Self>, has_body: bool) -> Option<UnderWay> {
        let next = |now| if has_body { State::Receiving(now) } else { State::Serving };
        self.change(|state| *state != State::Closing, next).then(|| UnderWay(Arc::clone(self)))
    }

    /// The body of the request has arrived completely. Returns `false` if the connection is about to be closed: it is too
    /// late to execute anything then.
    pub fn received(&self) -> bool {
        self.change(|state| *state != State::Closing, |_| State::Serving)
    }

    /// The system has taken all that was written. Returns whether the connection has become idle by that.
    pub fn flushed(&self) -> bool {
        self.change(|state| matches!(state, State::Sending(_)), State::Idle)
    }

    /// Changes the state, if it is such a one.
    fn change(&self, from: impl FnOnce(&State) -> bool, to: impl FnOnce(Instant) -> State) -> bool {
        let mut state = self.activity.state();
        let changes = from(&state);
        if changes {
            *state = to(Instant::now());
            if state.is_closable() {
                self.all.became_closable.notify_one();
            }
        }
        changes
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.open().activities.remove(&self.id);
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
        self.0.change(|state| *state != State::Closing, State::Sending);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{advance, timeout};

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
        advance(Duration::from_secs(1)).await;
        // The first has answered a request after the second came.
        drop(first.begin(false));
        assert!(first.flushed() && first.is_idle());
        let third = tokio::spawn(async move { added(&connections).await });
        assert!(is_closed(&second).await && !is_closed(&first).await);
        assert!(second.begin(false).is_none(), "it was closed before");
        drop(second);
        assert!(third.await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_client_does_not_read_is_closed_if_none_is_idle() {
        let connections = Connections::new(3);
        let (first, second) = (added(&connections).await.unwrap(), added(&connections).await.unwrap());
        let third = added(&connections).await.unwrap();
        drop(second.begin(false));
        advance(Duration::from_secs(1)).await;
        drop(first.begin(false));
        let _request = third.begin(false);
        let added = tokio::spawn(async move { connections.add().await });
        assert!(is_closed(&second).await && !is_closed(&first).await && !is_closed(&third).await);
        assert!(!second.flushed() && second.begin(false).is_none());
        drop(second);
        added.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_whose_client_sends_a_body_is_closed_until_the_body_is_there() {
        let connections = Connections::new(1);
        let first = added(&connections).await.unwrap();
        let _request = first.begin(true);
        assert!(first.received());
        assert!(added(&connections).await.is_none() && !is_closed(&first).await);

        let connections = Connections::new(1);
        let first = added(&connections).await.unwrap();
        let _request = first.begin(true);
        assert!(added(&connections).await.is_none() && is_closed(&first).await);
        assert!(!first.received());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_waits_if_all_are_served() {
        let connections = Connections::new(1);
        let first = added(&connections).await.unwrap();
        let request = first.begin(false);
        assert!(added(&connections).await.is_none() && !is_closed(&first).await);
        let second = tokio::spawn(async move { connections.add().await });
        tokio::task::yield_now().await;
        drop(request);
        assert!(is_closed(&first).await);
        drop(first);
        second.await.unwrap();
    }
}

//! What a connection is doing, which decides whether it can be closed for a new one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{sync::Notify, time::Instant};

/// The state of a connection. Of those that can be closed, the lowest is closed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// No request is in progress: the connection is silent, or the head of the next request is incomplete.
    Idle(Instant),
    /// The body of a request is incomplete. Nothing is executed yet.
    Receiving(Instant),
    /// The response is complete, but the client has not read all of it.
    Sending(Instant),
    /// A request is being executed.
    Executing,
    /// It is being closed for a new connection.
    Closing,
}

impl State {
    /// Whether a connection in this state can be closed for a new one.
    pub const fn is_closable(self) -> bool {
        !matches!(self, Self::Executing | Self::Closing)
    }
}

/// The current state of a connection.
pub struct Activity {
    state: Mutex<State>,
    /// Notified when the connection must be closed.
    close: Notify,
}

impl Activity {
    pub fn idle() -> Self {
        Self { state: Mutex::new(State::Idle(Instant::now())), close: Notify::new() }
    }

    pub fn state(&self) -> State {
        *self.lock()
    }

    /// Changes the state if the current one meets a condition. Returns the new state if it did.
    pub fn change_if(
        &self,
        condition: impl FnOnce(State) -> bool,
        next: impl FnOnce(Instant) -> State,
    ) -> Option<State> {
        let mut state = self.lock();
        condition(*state).then(|| {
            *state = next(Instant::now());
            *state
        })
    }

    /// Closes the connection if it is still in this state. Returns whether it was.
    pub fn close_if(&self, expected: State) -> bool {
        let closes = self.change_if(|state| state == expected, |_| State::Closing).is_some();
        if closes {
            self.close.notify_one();
        }
        closes
    }

    /// Completes when the connection must be closed.
    pub async fn closed(&self) {
        self.close.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

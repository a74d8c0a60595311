//! Turns of a task: all that can go on in it goes on once in each.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use tokio::task::yield_now;

/// Whether the turn has come, and whose it is.
struct Turn {
    come: AtomicBool,
    task: Waker,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.come.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// Completes in the next turn of its task, however often it is polled in this one: several fields wait for it at once,
/// and tokio's own way to yield ends with the second of them.
pub async fn next_turn() {
    let mut awaited: Option<Arc<Turn>> = None;
    poll_fn(|context| match &awaited {
        Some(turn) if turn.come.load(Ordering::Acquire) => Poll::Ready(()),
        Some(_) => Poll::Pending,
        None => {
            let turn = Arc::new(Turn { come: AtomicBool::new(false), task: context.waker().clone() });
            let waker = Waker::from(Arc::clone(&turn));
            // Has the waker called when this turn is over.
            let _ = pin!(yield_now()).poll(&mut Context::from_waker(&waker));
            awaited = Some(turn);
            Poll::Pending
        }
    })
    .await;
}

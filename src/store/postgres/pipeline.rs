//! Statements that are sent to PostgreSQL together, without waiting for the responses to earlier ones.

use std::{future::poll_fn, pin::Pin, task::Poll};

use futures_util::future::{MaybeDone, maybe_done};
use tokio::task::unconstrained;

/// Sends statements in this order, and waits until all of them are done. (`join_all` does not promise an order.)
///
/// Each future sends its statements when it is first polled. All of them use the connection's cache of prepared statements,
/// which sends statements in the order in which they ask for it, whether they are prepared or not.
pub async fn pipeline<F: Future>(statements: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<MaybeDone<F>>>> = statements.into_iter().map(|it| Box::pin(maybe_done(it))).collect();
    let send = poll_fn(|cx| {
        for statement in &mut futures {
            let _ = statement.as_mut().poll(cx);
        }
        Poll::Ready(())
    });
    // Otherwise Tokio would interrupt a task that sends many statements, and what follows could overtake the rest of them.
    unconstrained(send).await;
    // The responses come in the same order.
    let mut results = Vec::with_capacity(futures.len());
    for mut statement in futures {
        statement.as_mut().await;
        results.extend(statement.as_mut().take_output());
    }
    results
}

use std::time::Duration;

use tokio::time::{advance, timeout};

use super::*;

async fn is_closed(connection: &TrackedConnection) -> bool {
    timeout(Duration::from_millis(1), connection.closed()).await.is_ok()
}

async fn added(connections: &Arc<ConnectionLimit>) -> Option<Arc<TrackedConnection>> {
    timeout(Duration::from_millis(1), connections.add()).await.ok().map(Arc::new)
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_replaces_the_one_that_is_idle_longest() {
    let connections = ConnectionLimit::new(2);
    let (first, second) = (added(&connections).await.unwrap(), added(&connections).await.unwrap());
    advance(Duration::from_secs(1)).await;
    // The first has sent a response since the second was accepted.
    drop(first.begin_request(false));
    assert!(first.flushed() && first.is_idle());
    let third = tokio::spawn(async move { added(&connections).await });
    assert!(is_closed(&second).await && !is_closed(&first).await);
    assert!(second.begin_request(false).is_none(), "it is closing");
    drop(second);
    assert!(third.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn if_none_is_idle_a_new_connection_replaces_one_whose_client_does_not_read() {
    let connections = ConnectionLimit::new(3);
    let (first, second) = (added(&connections).await.unwrap(), added(&connections).await.unwrap());
    let third = added(&connections).await.unwrap();
    drop(second.begin_request(false));
    advance(Duration::from_secs(1)).await;
    drop(first.begin_request(false));
    let _request = third.begin_request(false);
    let added = tokio::spawn(async move { connections.add().await });
    assert!(is_closed(&second).await && !is_closed(&first).await && !is_closed(&third).await);
    assert!(!second.flushed() && second.begin_request(false).is_none());
    drop(second);
    added.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_be_replaced_until_its_request_body_is_complete() {
    let connections = ConnectionLimit::new(1);
    let first = added(&connections).await.unwrap();
    let _request = first.begin_request(true);
    assert!(first.body_received());
    assert!(added(&connections).await.is_none() && !is_closed(&first).await);

    let connections = ConnectionLimit::new(1);
    let first = added(&connections).await.unwrap();
    let _request = first.begin_request(true);
    assert!(added(&connections).await.is_none() && is_closed(&first).await);
    assert!(!first.body_received());
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_waits_while_all_others_execute_requests() {
    let connections = ConnectionLimit::new(1);
    let first = added(&connections).await.unwrap();
    let request = first.begin_request(false);
    assert!(added(&connections).await.is_none() && !is_closed(&first).await);
    let second = tokio::spawn(async move { connections.add().await });
    tokio::task::yield_now().await;
    drop(request);
    assert!(is_closed(&first).await);
    drop(first);
    second.await.unwrap();
}

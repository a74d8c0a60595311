//! The order in which links are taken.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::{sync::oneshot::Receiver, time::advance};

use super::*;
use crate::service::batcher::tests::double::request;

fn add(queue: &Queue, links: &[(&str, i64)]) -> Vec<Receiver<LinkResult>> {
    links.iter().map(|(code, customer)| queue.add(request(code, *customer)).unwrap()).collect()
}

/// The batch that a worker would get now.
fn take(queue: &Queue) -> Vec<Job> {
    queue.take().now_or_never().flatten().unwrap_or_default()
}

fn names(jobs: &[Job]) -> Vec<(&str, i64)> {
    jobs.iter().map(|job| (job.request.key.folded.as_str(), job.request.customer_id.get())).collect()
}

fn release(queue: &Queue, jobs: &[Job], locked: bool) {
    queue.release(jobs.iter().map(|job| &job.request.key), locked);
}

#[tokio::test]
async fn links_are_taken_in_their_order_of_arrival() {
    let queue = Queue::new(true);
    let links = [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("b", 2)];
    let _outcomes = add(&queue, &links);
    assert_eq!(names(&take(&queue)), links);
    assert_eq!(names(&take(&queue)), []);
}

#[tokio::test]
async fn organisations_have_equal_shares_of_a_batch() {
    let queue = Queue::new(true);
    let of = |org: i64, code: usize| {
        let mut request = request(&format!("c{code}"), 1);
        request.key.org = org.try_into().unwrap();
        queue.add(request).unwrap()
    };
    let _many: Vec<_> = (0..1000).map(|code| of(1, code)).collect();
    let _more: Vec<_> = (0..1000).map(|code| of(2, code)).collect();
    let _few: Vec<_> = (0..12).map(|code| of(3, code)).collect();
    let counts = |jobs: &[Job]| [1, 2, 3].map(|org| jobs.iter().filter(|job| job.request.key.org.get() == org).count());
    assert_eq!(counts(&take(&queue)), [250, 250, 12]);
    assert_eq!(counts(&take(&queue)), [256, 256, 0]);
}

#[tokio::test]
async fn organisations_that_do_not_mix_take_turns() {
    let queue = Queue::new(false);
    let of = |org: i64, code: usize| {
        let mut request = request(&format!("c{code}"), 1);
        request.key.org = org.try_into().unwrap();
        queue.add(request).unwrap()
    };
    let _many: Vec<_> = (0..1000).map(|code| of(2, code)).collect();
    let _few: Vec<_> = (0..3).map(|code| of(1, code)).collect();
    let _one = of(3, 0);
    let batch = || {
        let jobs = take(&queue);
        (jobs.first().map(|job| job.request.key.org.get()), jobs.len())
    };
    assert_eq!([batch(), batch(), batch(), batch()], [(Some(2), 512), (Some(1), 3), (Some(3), 1), (Some(2), 488)]);
}

#[tokio::test]
async fn links_for_a_busy_code_wait_for_its_batch_and_come_first() {
    let queue = Queue::new(true);
    let _outcomes = add(&queue, &[("a", 1), ("b", 1)]);
    let first = take(&queue);
    let _behind = add(&queue, &[("a", 2), ("c", 1), ("a", 3), ("b", 2)]);
    let second = take(&queue);
    assert_eq!(names(&second), [("c", 1)]);
    let _later = add(&queue, &[("d", 1), ("a", 4)]);
    release(&queue, &first, false);
    assert_eq!(names(&take(&queue)), [("a", 2), ("a", 3), ("b", 2), ("d", 1), ("a", 4)]);
}

#[tokio::test]
async fn links_beyond_a_batch_wait_for_it_and_those_for_other_codes_do_not() {
    let queue = Queue::new(true);
    let _hot: Vec<_> = (0..1000).flat_map(|customer| add(&queue, &[("hot", customer)])).collect();
    let _other = add(&queue, &[("other", 1)]);
    let first = take(&queue);
    assert_eq!((first.len(), names(&first)[511]), (MAX_BATCH, ("hot", 511)));
    assert_eq!(names(&take(&queue)), [("other", 1)]);
    release(&queue, &first, false);
    let second = take(&queue);
    assert_eq!((second.len(), names(&second)[0]), (1000 - MAX_BATCH, ("hot", 512)));
}

#[tokio::test]
async fn jobs_that_are_put_back_come_first_for_their_code() {
    let queue = Queue::new(true);
    let _outcomes = add(&queue, &[("a", 1), ("a", 2)]);
    let taken = take(&queue);
    let _behind = add(&queue, &[("a", 3), ("b", 1)]);
    let code = taken[0].request.key.clone();
    queue.put_back(taken);
    assert_eq!(names(&take(&queue)), [("b", 1)], "its code is busy");
    queue.release([&code], true);
    assert_eq!(names(&take(&queue)), [("a", 1), ("a", 2), ("a", 3)]);
}

#[tokio::test]
async fn links_that_wait_for_a_busy_code_count_towards_the_queue_length() {
    let queue = Queue::new(true);
    let _first = add(&queue, &[("a", 0)]);
    let taken = take(&queue);
    let _behind: Vec<_> = (0..QUEUE_LENGTH / 4 * 3).flat_map(|_| add(&queue, &[("a", 1)])).collect();
    assert!(matches!(queue.add(request("b", 1)), Err(StoreError::Overloaded)));
    let mut of_another = request("b", 1);
    of_another.key.org = 2.try_into().unwrap();
    let another = queue.add(of_another);
    assert!(another.is_ok(), "one organisation can't fill the queue");
    release(&queue, &taken, false);
    assert_eq!(take(&queue).len(), MAX_BATCH);
    assert!(queue.add(request("b", 1)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn links_that_waited_too_long_for_a_locked_code_fail_as_contended() {
    let queue = Queue::new(true);
    let _outcomes = add(&queue, &[("free", 1), ("locked", 1)]);
    let taken = take(&queue);
    let behind = add(&queue, &[("free", 2), ("locked", 2)]);
    advance(MAX_WAIT + Duration::from_millis(1)).await;
    let _in_time = add(&queue, &[("free", 3)]);
    release(&queue, &taken[..1], false);
    release(&queue, &taken[1..], true);
    assert_eq!(names(&take(&queue)), [("free", 3)]);
    let [free, locked] = <[_; 2]>::try_from(behind).unwrap().map(|outcome| outcome.now_or_never().unwrap().unwrap());
    assert!(matches!(free, Err(StoreError::Overloaded)), "{free:?}");
    assert!(matches!(locked, Err(StoreError::Contended(_))), "{locked:?}");
}

#[tokio::test]
async fn a_closed_queue_ends_when_nothing_waits() {
    let queue = Queue::new(true);
    let _first = add(&queue, &[("a", 1)]);
    let taken = take(&queue);
    let _behind = add(&queue, &[("a", 2)]);
    queue.close();
    assert!(queue.take().now_or_never().is_none(), "one link still waits");
    release(&queue, &taken, false);
    assert_eq!(names(&take(&queue)), [("a", 2)]);
    assert!(queue.take().await.is_none());
}

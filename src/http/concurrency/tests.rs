use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::auth::{Credential, Role};

const PLACES: usize = 16;
const FEW: usize = 8;

fn caller(org: i64, role: Role, number: i64) -> Principal {
    let credential = Credential::Customer(number.try_into().unwrap());
    Principal { org: org.try_into().unwrap(), role, credential }
}

fn service(org: i64) -> Principal {
    caller(org, Role::Service, 1)
}

/// Takes one place if the caller gets it without waiting.
fn take(concurrency: &Concurrency, principal: &Principal, kind: Kind) -> Option<Places> {
    concurrency.0.claim(Claim { principal: *principal, kind, places: 1 }).ok()
}

fn take_all(concurrency: &Concurrency, principal: &Principal, kind: Kind) -> Vec<Places> {
    std::iter::from_fn(|| take(concurrency, principal, kind)).collect()
}

/// Starts to wait for one place.
fn wait(concurrency: &Concurrency, principal: &Principal, kind: Kind) -> Waits {
    let claimed = concurrency.0.claim(Claim { principal: *principal, kind, places: 1 });
    claimed.err().expect("no place is free").expect("the caller may wait")
}

/// Whether the place has come. It is given back.
fn has_come(waits: &mut Waits) -> bool {
    waits.receiver.try_recv().is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_lone_caller_takes_all_places_and_is_then_rejected() {
    let concurrency = Concurrency::new(PLACES);
    let taken = take_all(&concurrency, &service(1), Kind::Query);
    assert_eq!(taken.len(), PLACES);
    let lone = service(1);
    let asked = concurrency.take(&lone, Kind::Query, 1);
    let at_once = timeout(Duration::from_millis(1), asked).await.expect("it does not wait");
    assert!(at_once.is_none());
}

#[tokio::test(start_paused = true)]
async fn mutations_have_places_that_queries_can_not_take() {
    let concurrency = Concurrency::new(PLACES);
    let queries = take_all(&concurrency, &service(1), Kind::Query);
    assert!(concurrency.0.claim(Claim { principal: service(1), kind: Kind::Query, places: 1 }).is_err());
    assert!(!concurrency.rejects(&service(1)), "it may be a mutation");
    let mutations = take_all(&concurrency, &service(1), Kind::Mutation);
    assert_eq!((queries.len(), mutations.len()), (PLACES, PLACES / 8));
    assert!(concurrency.rejects(&service(1)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_below_its_share_gets_the_next_place() {
    let concurrency = Concurrency::new(PLACES);
    let mut taken = take_all(&concurrency, &service(1), Kind::Query);
    let mut other = wait(&concurrency, &service(2), Kind::Query);
    assert!(concurrency.0.claim(Claim { principal: service(1), kind: Kind::Query, places: 1 }).is_err());
    taken.pop();
    assert!(has_come(&mut other));
}

#[tokio::test(start_paused = true)]
async fn organisations_roles_and_callers_have_equal_shares() {
    let concurrency = Concurrency::new(PLACES);
    let taken = take_all(&concurrency, &service(1), Kind::Query);
    // Half for the other organisation.
    let mut waiting: Vec<_> = (0..8).map(|_| wait(&concurrency, &service(2), Kind::Query)).collect();
    assert!(matches!(concurrency.0.claim(Claim { principal: service(2), kind: Kind::Query, places: 1 }), Err(None)));
    // A customer of the first organisation has a share, however many customers there are.
    let mut customers: Vec<_> =
        (0..4).map(|number| wait(&concurrency, &caller(1, Role::Customer, number), Kind::Query)).collect();
    let ninth = Claim { principal: caller(1, Role::Customer, 9), kind: Kind::Query, places: 1 };
    assert!(matches!(concurrency.0.claim(ninth), Err(None)), "the customers' share is awaited");
    drop(taken);
    assert!(waiting.iter_mut().chain(&mut customers).all(has_come));
}

#[tokio::test(start_paused = true)]
async fn the_one_with_the_least_goes_first() {
    let concurrency = Concurrency::new(PLACES);
    let mut taken = take_all(&concurrency, &service(1), Kind::Query);
    let first = wait(&concurrency, &service(2), Kind::Query);
    let mut second = wait(&concurrency, &service(2), Kind::Query);
    let mut third = wait(&concurrency, &service(3), Kind::Query);
    taken.pop();
    let _place = { first }.receiver.try_recv().expect("it came first");
    taken.pop();
    assert!(!has_come(&mut second) && has_come(&mut third), "the other organisation has none yet");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_long() {
    let concurrency = Concurrency::new(PLACES);
    let _taken = take_all(&concurrency, &service(1), Kind::Query);
    let started = tokio::time::Instant::now();
    assert!(concurrency.take(&service(2), Kind::Query, 1).await.is_none());
    assert_eq!(started.elapsed(), MAX_WAIT);
    let state = concurrency.0.lock();
    assert!(state.waiting.is_empty() && state.usage.shares(&service(2), 16).held_by_caller == 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_nobody_waits_for_any_more_goes_to_the_next() {
    let concurrency = Concurrency::new(1);
    let taken = take_all(&concurrency, &service(1), Kind::Query);
    let gone = wait(&concurrency, &service(2), Kind::Query);
    let mut next = wait(&concurrency, &service(3), Kind::Query);
    drop(taken);
    // It came, and was not taken.
    drop(gone);
    assert!(has_come(&mut next));
    assert!(take(&concurrency, &service(1), Kind::Query).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_large_operation_is_not_overtaken_for_ever() {
    let concurrency = Concurrency::heavy();
    let claim = |org, places| Claim { principal: service(org), kind: Kind::Mutation, places };
    let small = concurrency.0.claim(claim(1, 100)).ok().expect("all is free");
    let Err(Some(mut large)) = concurrency.0.claim(claim(2, 500)) else { panic!("it waits") };
    let Err(Some(mut behind)) = concurrency.0.claim(claim(3, 100)) else { panic!("it waits, too") };
    drop(small);
    let place = large.receiver.try_recv().expect("it came first");
    assert!(!has_come(&mut behind));
    drop(place);
    assert!(has_come(&mut behind));
}

#[tokio::test(start_paused = true)]
async fn values_are_counted_in_places() {
    let concurrency = Concurrency::new(PLACES);
    let five = concurrency.take(&service(1), Kind::Query, 4_001).await;
    assert_eq!(take_all(&concurrency, &service(1), Kind::Query).len(), PLACES - 5);
    drop(five);
    let most = concurrency.take(&service(1), Kind::Query, 1_000_000).await;
    assert!(most.is_some(), "more than all is all");
}

#[tokio::test(start_paused = true)]
async fn few_places_are_permitted_while_more_is_rejected_than_taken() {
    let concurrency = Concurrency::new(PLACES);
    let taken = take_all(&concurrency, &service(1), Kind::Mutation);
    for _ in 0..=PLACES * 2 {
        assert!(concurrency.rejects(&service(1)));
    }
    drop(taken);
    let taken = take_all(&concurrency, &service(1), Kind::Mutation);
    assert_eq!(taken.len(), FEW + FEW / 8);
    drop(taken);
    // The rest of the round was still one of rejections.
    advance(Duration::from_millis(100)).await;
    drop(take(&concurrency, &service(1), Kind::Query));
    advance(Duration::from_millis(100)).await;
    assert_eq!(take_all(&concurrency, &service(1), Kind::Query).len(), PLACES, "nothing was rejected since");
}

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::advance;

use super::{permits::WaitForPermits, *};
use crate::auth::{Credential, Role};

const PERMITS: usize = 16;
const FEW: usize = 8;

fn caller(org: i64, role: Role, number: i64) -> Principal {
    let credential = Credential::Customer(number.try_into().unwrap());
    Principal { org: org.try_into().unwrap(), role, credential }
}

fn service(org: i64) -> Principal {
    caller(org, Role::Service, 1)
}

/// Acquires one permit if that needs no wait.
fn try_acquire(limit: &ConcurrencyLimit, caller: &Principal, kind: OperationKind) -> Option<Permits> {
    match limit.0.claim(Claim { caller: *caller, kind, permits: 1 }) {
        Claimed::Granted(permits) => Some(permits),
        Claimed::Waiting(_) | Claimed::Rejected => None,
    }
}

fn acquire_all(limit: &ConcurrencyLimit, caller: &Principal, kind: OperationKind) -> Vec<Permits> {
    std::iter::from_fn(|| try_acquire(limit, caller, kind)).collect()
}

/// Starts to wait for one permit.
fn wait(limit: &ConcurrencyLimit, caller: &Principal, kind: OperationKind) -> WaitForPermits {
    match limit.0.claim(Claim { caller: *caller, kind, permits: 1 }) {
        Claimed::Waiting(waiting) => waiting,
        Claimed::Granted(_) | Claimed::Rejected => panic!("the claim does not wait"),
    }
}

/// Whether the permit has been granted. Releases it.
fn is_granted(waiting: &mut WaitForPermits) -> bool {
    waiting.now_or_never().flatten().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_single_caller_acquires_all_permits_and_is_then_rejected() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let taken = acquire_all(&limit, &service(1), OperationKind::Query);
    assert_eq!(taken.len(), PERMITS);
    let caller = service(1);
    let claim = limit.acquire(&caller, OperationKind::Query, 1);
    let acquired = timeout(Duration::from_millis(1), claim).await.expect("the claim does not wait");
    assert!(acquired.is_none());
}

#[tokio::test(start_paused = true)]
async fn some_permits_are_reserved_for_mutations() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let queries = acquire_all(&limit, &service(1), OperationKind::Query);
    assert!(try_acquire(&limit, &service(1), OperationKind::Query).is_none());
    assert!(!limit.rejects(&service(1)), "its next operation may be a mutation");
    let mutations = acquire_all(&limit, &service(1), OperationKind::Mutation);
    assert_eq!((queries.len(), mutations.len()), (PERMITS, PERMITS / 8));
    assert!(limit.rejects(&service(1)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_below_its_share_gets_the_next_permit() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let mut taken = acquire_all(&limit, &service(1), OperationKind::Query);
    let mut other = wait(&limit, &service(2), OperationKind::Query);
    assert!(try_acquire(&limit, &service(1), OperationKind::Query).is_none());
    taken.pop();
    assert!(is_granted(&mut other));
}

#[tokio::test(start_paused = true)]
async fn organisations_roles_and_callers_have_equal_shares() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let taken = acquire_all(&limit, &service(1), OperationKind::Query);
    // Half of the permits are for the other organisation.
    let mut waiting: Vec<_> = (0..8).map(|_| wait(&limit, &service(2), OperationKind::Query)).collect();
    assert!(matches!(
        limit.0.claim(Claim { caller: service(2), kind: OperationKind::Query, permits: 1 }),
        Claimed::Rejected
    ));
    // The customers of the first organisation have a share together, however many there are.
    let mut customers: Vec<_> =
        (0..4).map(|number| wait(&limit, &caller(1, Role::Customer, number), OperationKind::Query)).collect();
    let ninth = Claim { caller: caller(1, Role::Customer, 9), kind: OperationKind::Query, permits: 1 };
    assert!(
        matches!(limit.0.claim(ninth), Claimed::Rejected),
        "claims of customers already wait for their whole share"
    );
    drop(taken);
    assert!(waiting.iter_mut().chain(&mut customers).all(is_granted));
}

#[tokio::test(start_paused = true)]
async fn the_next_permit_goes_to_the_organisation_that_holds_the_fewest() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let mut taken = acquire_all(&limit, &service(1), OperationKind::Query);
    let first = wait(&limit, &service(2), OperationKind::Query);
    let mut second = wait(&limit, &service(2), OperationKind::Query);
    let mut third = wait(&limit, &service(3), OperationKind::Query);
    taken.pop();
    let _permit = first.now_or_never().flatten().expect("it is granted first");
    taken.pop();
    assert!(!is_granted(&mut second) && is_granted(&mut third), "the other organisation holds none yet");
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_not_granted_in_time_is_withdrawn() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let _taken = acquire_all(&limit, &service(1), OperationKind::Query);
    let started = tokio::time::Instant::now();
    assert!(limit.acquire(&service(2), OperationKind::Query, 1).await.is_none());
    assert_eq!(started.elapsed(), MAX_WAIT);
    let state = limit.0.lock();
    assert!(state.waiters.is_empty() && state.usage.shares(&service(2), 16).held_by_caller == 0);
}

#[tokio::test(start_paused = true)]
async fn a_permit_of_a_cancelled_operation_goes_to_the_next_claim() {
    let limit = ConcurrencyLimit::new(1);
    let taken = acquire_all(&limit, &service(1), OperationKind::Query);
    let gone = wait(&limit, &service(2), OperationKind::Query);
    let mut next = wait(&limit, &service(3), OperationKind::Query);
    drop(taken);
    // It was granted, but not received.
    drop(gone);
    assert!(is_granted(&mut next));
    assert!(try_acquire(&limit, &service(1), OperationKind::Query).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_small_operation_does_not_overtake_a_large_one() {
    let limit = ConcurrencyLimit::heavy();
    let claim = |org, permits| Claim { caller: service(org), kind: OperationKind::Mutation, permits };
    let Claimed::Granted(small) = limit.0.claim(claim(1, 100)) else { panic!("all permits are free") };
    let Claimed::Waiting(large) = limit.0.claim(claim(2, 500)) else { panic!("the claim waits") };
    let Claimed::Waiting(mut behind) = limit.0.claim(claim(3, 100)) else { panic!("the claim waits") };
    drop(small);
    let permit = large.now_or_never().flatten().expect("it is granted first");
    assert!(!is_granted(&mut behind));
    drop(permit);
    assert!(is_granted(&mut behind));
}

#[tokio::test(start_paused = true)]
async fn an_operation_takes_one_permit_per_1000_of_its_cost() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let five = limit.acquire(&service(1), OperationKind::Query, 4_001).await;
    assert_eq!(acquire_all(&limit, &service(1), OperationKind::Query).len(), PERMITS - 5);
    drop(five);
    let most = limit.acquire(&service(1), OperationKind::Query, 1_000_000).await;
    assert!(most.is_some(), "a claim of more than all permits gets all");
}

#[tokio::test(start_paused = true)]
async fn few_permits_are_available_while_more_operations_are_rejected_than_granted() {
    let limit = ConcurrencyLimit::new(PERMITS);
    let taken = acquire_all(&limit, &service(1), OperationKind::Mutation);
    for _ in 0..=PERMITS * 2 {
        assert!(limit.rejects(&service(1)));
    }
    drop(taken);
    let taken = acquire_all(&limit, &service(1), OperationKind::Mutation);
    assert_eq!(taken.len(), FEW + FEW / 8);
    drop(taken);
    // The current window still counts the rejections.
    advance(Duration::from_millis(100)).await;
    drop(try_acquire(&limit, &service(1), OperationKind::Query));
    advance(Duration::from_millis(100)).await;
    assert_eq!(
        acquire_all(&limit, &service(1), OperationKind::Query).len(),
        PERMITS,
        "nothing was rejected in the last window"
    );
}

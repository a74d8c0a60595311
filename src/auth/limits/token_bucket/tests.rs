use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn buckets(tokens: u32, period: Duration) -> TokenBuckets {
    TokenBuckets::new(NonZeroU32::new(tokens).unwrap(), period)
}

fn org(number: i64) -> OrgId {
    number.try_into().unwrap()
}

fn customer(number: usize) -> Key {
    let number = i64::try_from(number).unwrap();
    (Credential::None, Some(number.try_into().unwrap()))
}

fn keys(buckets: &TokenBuckets) -> usize {
    buckets.lock().values().map(LruCache::len).sum()
}

#[test]
fn each_key_has_its_own_tokens() {
    let (buckets, org) = (buckets(2, HOUR), org(1));
    assert!(buckets.take(org, customer(1)).is_ok() && buckets.take(org, customer(1)).is_ok());
    let wait = buckets.take(org, customer(1)).unwrap_err();
    assert!(wait > Duration::from_mins(29) && wait <= Duration::from_mins(30), "{wait:?}");
    assert!(buckets.take(org, customer(2)).is_ok());
}

#[test]
fn a_bucket_refills_with_time() {
    let (buckets, org) = (buckets(1000, Duration::from_secs(1)), org(1));
    for _ in 0..1000 {
        buckets.take(org, customer(1)).unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    assert!(buckets.take(org, customer(1)).is_ok());
}

#[test]
fn a_bucket_in_debt_refills_before_the_next_charge() {
    let (buckets, org) = (buckets(20, Duration::from_secs(1)), org(1));
    buckets.charge(org, customer(1), 60).unwrap();
    let wait = buckets.charge(org, customer(1), 1).unwrap_err();
    assert!(wait > Duration::from_millis(1900) && wait <= Duration::from_secs(2), "{wait:?}");
    assert!(buckets.take(org, customer(1)).is_err());
}

#[test]
fn a_refunded_token_can_be_taken_again() {
    let (buckets, org) = (buckets(2, HOUR), org(1));
    for _ in 0..100 {
        buckets.reserve(org, customer(1)).unwrap();
        buckets.release(org, customer(1), true);
    }
    assert_eq!(keys(&buckets), 0, "a full bucket is dropped");
    assert!(buckets.take(org, customer(1)).is_ok() && buckets.take(org, customer(1)).is_ok());
    assert!(buckets.take(org, customer(1)).is_err());
}

#[test]
fn a_reserved_token_may_be_returned_and_a_spent_one_is_not() {
    let (buckets, org, key) = (buckets(2, HOUR), org(1), customer(1));
    assert_eq!((buckets.reserve(org, key), buckets.reserve(org, key)), (Ok(()), Ok(())));
    assert_eq!(buckets.reserve(org, key), Err(Unavailable::Reserved));
    buckets.release(org, key, false);
    assert_eq!(buckets.reserve(org, key), Err(Unavailable::Reserved), "the other one is still reserved");
    buckets.release(org, key, false);
    assert!(matches!(buckets.reserve(org, key), Err(Unavailable::Spent(_))));
}

#[test]
fn the_reserved_tokens_of_a_key_are_bounded() {
    let (buckets, org) = (buckets(100_000, HOUR), org(1));
    for _ in 0..MAX_RESERVED {
        buckets.reserve(org, customer(1)).unwrap();
    }
    assert_eq!(buckets.reserve(org, customer(1)), Err(Unavailable::Reserved));
    assert_eq!(buckets.reserve(org, customer(2)), Ok(()));
    buckets.release(org, customer(1), false);
    assert_eq!(buckets.reserve(org, customer(1)), Ok(()));
}

#[test]
fn an_organisation_with_many_keys_evicts_no_bucket_of_another() {
    let buckets = buckets(2, HOUR);
    buckets.charge(org(2), customer(1), 2).unwrap();
    for number in 0..MAX_KEYS + 1000 {
        buckets.take(org(1), customer(number)).unwrap();
    }
    assert_eq!(keys(&buckets), MAX_KEYS + 1);
    assert!(buckets.take(org(2), customer(1)).is_err(), "the other organisation's bucket is still empty");
    buckets.take(org(1), customer(MAX_KEYS + 999)).unwrap();
    assert!(buckets.take(org(1), customer(MAX_KEYS + 999)).is_err(), "recent buckets are kept");
}

use super::*;

const HOUR: Duration = Duration::from_hours(1);

fn budget(tokens: u32, period: Duration) -> Budget {
    Budget::new(NonZeroU32::new(tokens).unwrap(), period)
}

fn org(number: i64) -> OrgId {
    number.try_into().unwrap()
}

fn customer(number: usize) -> Key {
    let number = i64::try_from(number).unwrap();
    (Credential::None, Some(number.try_into().unwrap()))
}

fn keys(budget: &Budget) -> usize {
    budget.lock().values().map(LruCache::len).sum()
}

#[test]
fn each_key_has_its_own_tokens() {
    let (budget, org) = (budget(2, HOUR), org(1));
    assert!(budget.take(org, customer(1)).is_ok() && budget.take(org, customer(1)).is_ok());
    let wait = budget.take(org, customer(1)).unwrap_err();
    assert!(wait > Duration::from_mins(29) && wait <= Duration::from_mins(30), "{wait:?}");
    assert!(budget.take(org, customer(2)).is_ok());
}

#[test]
fn tokens_come_back_with_time() {
    let (budget, org) = (budget(1000, Duration::from_secs(1)), org(1));
    for _ in 0..1000 {
        budget.take(org, customer(1)).unwrap();
    }
    std::thread::sleep(Duration::from_millis(20));
    assert!(budget.take(org, customer(1)).is_ok());
}

#[test]
fn a_large_charge_is_paid_off_before_the_next() {
    let (budget, org) = (budget(20, Duration::from_secs(1)), org(1));
    budget.charge(org, customer(1), 60).unwrap();
    let wait = budget.charge(org, customer(1), 1).unwrap_err();
    assert!(wait > Duration::from_millis(1900) && wait <= Duration::from_secs(2), "{wait:?}");
    assert!(budget.take(org, customer(1)).is_err());
}

#[test]
fn a_token_that_comes_back_can_be_taken_again() {
    let (budget, org) = (budget(2, HOUR), org(1));
    for _ in 0..100 {
        budget.reserve(org, customer(1)).unwrap();
        budget.release(org, customer(1), true);
    }
    assert_eq!(keys(&budget), 0, "a full bucket is dropped");
    assert!(budget.take(org, customer(1)).is_ok() && budget.take(org, customer(1)).is_ok());
    assert!(budget.take(org, customer(1)).is_err());
}

#[test]
fn a_reserved_token_may_come_back_and_a_spent_one_does_not() {
    let (budget, org, key) = (budget(2, HOUR), org(1), customer(1));
    assert_eq!((budget.reserve(org, key), budget.reserve(org, key)), (Ok(()), Ok(())));
    assert_eq!(budget.reserve(org, key), Err(NoTokens::Reserved));
    budget.release(org, key, false);
    assert_eq!(budget.reserve(org, key), Err(NoTokens::Reserved), "the other one is still reserved");
    budget.release(org, key, false);
    assert!(matches!(budget.reserve(org, key), Err(NoTokens::Spent(_))));
}

#[test]
fn a_key_reserves_no_more_than_a_share() {
    let (budget, org) = (budget(100_000, HOUR), org(1));
    for _ in 0..MAX_RESERVED {
        budget.reserve(org, customer(1)).unwrap();
    }
    assert_eq!(budget.reserve(org, customer(1)), Err(NoTokens::Reserved));
    assert_eq!(budget.reserve(org, customer(2)), Ok(()));
    budget.release(org, customer(1), false);
    assert_eq!(budget.reserve(org, customer(1)), Ok(()));
}

#[test]
fn an_organisation_with_many_keys_does_not_make_another_one_forget() {
    let budget = budget(2, HOUR);
    budget.charge(org(2), customer(1), 2).unwrap();
    for number in 0..MAX_KEYS + 1000 {
        budget.take(org(1), customer(number)).unwrap();
    }
    assert_eq!(keys(&budget), MAX_KEYS + 1);
    assert!(budget.take(org(2), customer(1)).is_err(), "the other organisation's is spent");
    budget.take(org(1), customer(MAX_KEYS + 999)).unwrap();
    assert!(budget.take(org(1), customer(MAX_KEYS + 999)).is_err(), "the last ones are remembered");
}

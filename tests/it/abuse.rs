//! Protection against guessing of codes, and rate limits.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use promolink::auth::{Limit, Limits, Role};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{
    Caller, Database, ORG, Server, TestCampaign, campaign, code_of, in_days, issuer, on_both_databases,
};

/// One code for each reason why a code can't be linked, and some codes that can be linked.
fn campaigns() -> [TestCampaign; 3] {
    let expired = campaign("Over").with(|campaign| campaign.valid_till = in_days(-1)).code("EXPIRED", None);
    let off = campaign("Off").with(|campaign| campaign.active = false).code("INACTIVE", None);
    let codes = campaign("Spring").code("TAKEN", Some(1)).revoked_code("REVOKED").code("FREE", None);
    [expired, off, (0..100).fold(codes, |codes, number| codes.code(&format!("FREE-{number}"), None))]
}

const REASONS: [&str; 5] = ["UNKNOWN", "TAKEN", "EXPIRED", "REVOKED", "INACTIVE"];

#[tokio::test(flavor = "multi_thread")]
async fn untrusted_callers_do_not_learn_why_a_code_cannot_be_linked() {
    let database = Database::postgres();
    database.seed(&campaigns()).await;
    let server = Server::serve(&database, &issuer::VARIABLES);
    let service = server.caller(&database.key(ORG, "service"));
    service.link(99, "TAKEN").await;
    for caller in [server.caller(&database.key(ORG, "storefront")), server.caller(&issuer::token(ORG, 1))] {
        let mut answers = Vec::new();
        for code in REASONS {
            let variables = json!({ "code": code });
            let response = caller.send(LINK, variables).await;
            answers.push((response.status(), response.text().await.unwrap()));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
        let response: Value = serde_json::from_str(&answers[0].1).unwrap();
        assert_eq!((answers[0].0.as_u16(), code_of(&response)), (200, "CODE_NOT_USABLE"));
        assert_eq!(response["errors"][0]["extensions"]["retryable"], false);
        assert_eq!(code_of(&caller.execute(LINK, json!({ "code": "FREE" })).await), "OK");
        assert_eq!(code_of(&caller.execute(LINK, json!({ "code": "" })).await), "INVALID_INPUT");
    }
    let log = server.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = lines.iter().filter(|line| line["message"] == "a code was not linked").collect();
    assert_eq!(told.len(), 2 * REASONS.len(), "{log}");
    for line in told {
        let ended = lines.iter().find(|other| other["message"] == "answered" && other["id"] == line["span"]["id"]);
        let whose = ended.expect("the access log has a line for the request")["credential"].as_str().unwrap();
        assert!(whose.starts_with("storefront key ") || whose.starts_with("customer of "), "{whose}");
    }
    for reason in ["CODE_NOT_FOUND", "CODE_ALREADY_LINKED", "PROMOTION_EXPIRED", "CODE_REVOKED", "PROMOTION_INACTIVE"] {
        assert_eq!(lines.iter().filter(|line| line["reason"] == reason).count(), 2, "{reason}: {log}");
    }
    for (code, expected) in REASONS.into_iter().zip(["CODE_NOT_FOUND", "CODE_ALREADY_LINKED", "PROMOTION_EXPIRED"]) {
        assert_eq!(code_of(&service.execute(LINK, json!({ "code": code })).await), expected, "backends see why");
    }
}

on_both_databases! {
    async fn response_times_do_not_reveal_why_a_code_cannot_be_linked(database: Database) {
        database.seed(&campaigns()).await;
        let server = Server::serve(&database, &[("PROMOLINK_LIMITS", "storefront.failed-links=none")]);
        server.caller(&database.key(ORG, "service")).link(99, "TAKEN").await;
        let storefront = server.caller(&database.key(ORG, "storefront"));
        let mut times = BTreeMap::<_, Vec<_>>::new();
        for round in 0..15 {
            for reason in REASONS {
                let started = Instant::now();
                assert_eq!(code_of(&storefront.link(round, reason).await), "CODE_NOT_USABLE");
                times.entry(reason).or_default().push(started.elapsed());
            }
        }
        for (reason, times) in &mut times {
            times.sort();
            println!("{reason:10} median {:6.1} ms, least {:6.1} ms", millis(times[times.len() / 2]), millis(times[0]));
            // Failures are returned at multiples of 50 ms, so never before the first.
            assert!(times[0] >= Duration::from_millis(50), "{reason}: {times:?}");
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

const LINK: &str =
    "mutation($code: String!) { linkPromotionCode(input: { customerId: 1, code: $code, mode: DISCOUNT }) { id } }";

const GUESSES: usize = 1000;

/// Limits under which a storefront can send all guesses in one document.
const LARGE_DOCUMENTS: (&str, &str) = (
    "PROMOLINK_DOCUMENT_LIMITS",
    "untrusted.aliases=1000,untrusted.root-fields=1000,untrusted.selections=10000,untrusted.tokens=100000",
);

#[tokio::test(flavor = "multi_thread")]
async fn guesses_beyond_the_limit_are_rejected_however_they_are_sent() {
    let database = Database::postgres();
    database.seed(&campaigns()).await;
    let limits = ("PROMOLINK_LIMITS", "storefront.operations=none,storefront.links=none");
    let server = Server::serve(&database, &[limits, LARGE_DOCUMENTS]);
    server.caller(&database.key(ORG, "service")).link(99, "TAKEN").await;
    let storefront = || server.caller(&database.key(ORG, "storefront"));
    let expected = outcomes(&[("CODE_NOT_USABLE", 20), ("RATE_LIMITED", GUESSES - 20)]);

    assert_eq!(guess_in_one_document(&storefront(), |_| 1).await, expected);
    assert_eq!(guess_in_batches(&storefront(), |_| 1).await, expected);
    assert_eq!(guess_one_by_one(&storefront(), |_| 1).await, expected);
    // Guessing for many customers doesn't help either: the key has a limit as well.
    let expected = outcomes(&[("CODE_NOT_USABLE", 300), ("RATE_LIMITED", GUESSES - 300)]);
    assert_eq!(guess_in_batches(&storefront(), |guess| guess).await, expected);
    // Beyond the limit, valid codes are rejected too, and the rejection says when to retry.
    let spent = storefront();
    guess_in_batches(&spent, |_| 1).await;
    let refused = spent.link(1, "FREE").await;
    assert_eq!(code_of(&refused), "RATE_LIMITED");
    let message = |response: &Value| response["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message(&refused).starts_with("Too many failed links for this customer. "), "{refused:#}");
    let spent_for_all = storefront();
    guess_in_batches(&spent_for_all, |guess| guess).await;
    let refused_for_all = spent_for_all.link(9_999, "FREE").await;
    assert!(
        message(&refused_for_all).starts_with("Too many failed links with this credential. "),
        "{refused_for_all:#}"
    );
    for reason in REASONS {
        let mut answer = spent.link(1, reason).await;
        // The wait, which both texts contain, depends on the time.
        for (key, text) in [("message", "message"), ("retryAfter", "extensions")] {
            let of = if text == "message" { &mut answer["errors"][0] } else { &mut answer["errors"][0]["extensions"] };
            assert!(!of[key].take().is_null(), "{reason}");
        }
        let expected = json!({ "code": "RATE_LIMITED", "retryable": true, "retryAfter": null });
        assert_eq!(answer["errors"][0]["extensions"], expected, "{reason}");
    }
    let wait = refused["errors"][0]["extensions"]["retryAfter"].as_u64().unwrap();
    assert!((1..=180).contains(&wait), "{refused:#}");
    assert_eq!(refused["errors"][0]["extensions"]["retryable"], true);
    assert_eq!(code_of(&spent.link(2, "FREE").await), "OK", "other customers are not limited");
    assert_eq!(code_of(&storefront().link(1, "FREE").await), "OK", "other credentials are not limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_and_aborted_guesses_count_towards_the_limit() {
    let database = Database::postgres();
    database.seed(&campaigns()).await;
    let server = Server::serve(&database, &[("PROMOLINK_LIMITS", "storefront.operations=none,storefront.links=none")]);
    let caller = server.caller(&database.key(ORG, "storefront"));
    let at_once = join_all((0..200).map(|guess| {
        let caller = &caller;
        async move { code_of(&caller.link(1, &format!("GUESS-{guess}")).await).to_owned() }
    }));
    let mut counted = BTreeMap::new();
    for code in at_once.await {
        *counted.entry(code).or_insert(0) += 1;
    }
    assert_eq!(counted, outcomes(&[("CODE_NOT_USABLE", 20), ("RATE_LIMITED", 180)]));

    // Guesses count even if the client doesn't wait for the response.
    let caller = server.caller(&database.key(ORG, "storefront"));
    for round in 0..20 {
        let given_up = (0..20).map(|guess| {
            let body = json!({ "query": LINK, "variables": { "code": format!("GIVEN-UP-{round}-{guess}") } });
            caller.request(&body).timeout(Duration::from_millis(30)).send()
        });
        assert!(join_all(given_up).await.iter().filter(|answer| answer.is_err()).count() > 0 || round > 0);
        sleep(Duration::from_millis(100)).await;
        if code_of(&caller.link(1, "FREE").await) == "RATE_LIMITED" {
            return;
        }
    }
    panic!("400 aborted guesses did not reach the limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_valid_links_of_one_customer_do_not_count_as_failed() {
    let database = Database::postgres();
    database.seed(&campaigns()).await;
    let limits = "storefront.failed-links=5,storefront.new-links-per-customer=none";
    let server = Server::serve(&database, &[("PROMOLINK_LIMITS", limits)]);
    for role in ["service", "storefront"] {
        let caller = server.caller(&database.key(ORG, role));
        let links = (0..100).map(|number| {
            let caller = &caller;
            async move { caller.link(1, &format!("FREE-{number}")).await }
        });
        let batch = |numbers: Range<usize>| {
            let input: Vec<_> = numbers.map(|number| link(2, &format!("FREE-{number}"))).collect();
            caller.execute(LINKS, json!({ "input": input }))
        };
        let (linked, batches) = tokio::join!(join_all(links), join_all([batch(0..50), batch(25..75), batch(50..100)]));
        assert!(linked.iter().all(|linked| code_of(linked) == "OK"), "{linked:#?}");
        let errors = batches.iter().flat_map(|batch| batch["data"]["linkPromotionCodes"].as_array().unwrap());
        assert!(errors.clone().count() == 150 && errors.clone().all(|link| link["error"].is_null()), "{batches:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn successful_links_have_a_separate_limit() {
    let database = Database::postgres();
    database.seed(&campaigns()).await;
    let limits = ("PROMOLINK_LIMITS", "customer.operations=none,customer.links=none");
    let server = Server::serve(&database, &[&issuer::VARIABLES[..], &[limits]].concat());
    let links =
        |customer: usize| -> Vec<Value> { (0..100).map(|number| link(customer, &format!("FREE-{number}"))).collect() };
    let expected = outcomes(&[("OK", 60), ("RATE_LIMITED", 40)]);
    for caller in [server.caller(&database.key(ORG, "storefront")), server.caller(&issuer::token(ORG, 1))] {
        let linked = caller.data(LINKS, json!({ "input": links(1) })).await;
        let errors = linked["linkPromotionCodes"].as_array().unwrap().iter().map(|link| &link["error"]["code"]);
        assert_eq!(count(errors), expected);
        // A repeated link counts as well, and is rejected like a new one.
        assert_eq!(code_of(&caller.link(1, "FREE-0").await), "RATE_LIMITED");
        let refused = caller.link(1, "FREE-99").await;
        assert_eq!(code_of(&refused), "RATE_LIMITED");
        let wait = refused["errors"][0]["extensions"]["retryAfter"].as_u64().unwrap();
        assert!((1..=60).contains(&wait), "{refused:#}");
    }
    // Failed links have a separate limit.
    let storefront = server.caller(&database.key(ORG, "storefront"));
    assert_eq!(guess_in_batches(&storefront, |_| 2).await["CODE_NOT_USABLE"], 20);
    // A key extracted from an app can't exhaust a shared code.
    let spent = server.caller(&database.key(ORG, "storefront"));
    let mut made = 0;
    for batch in 0..2 {
        let input: Vec<_> = (0..500).map(|customer| link(batch * 500 + customer + 1000, "FREE")).collect();
        let linked = spent.data(LINKS, json!({ "input": input })).await;
        let linked = linked["linkPromotionCodes"].as_array().unwrap();
        made += linked.iter().filter(|link| link["error"].is_null()).count();
        sleep(Duration::from_secs(1)).await;
    }
    assert!((600..610).contains(&made), "{made}");
    let service = server.caller(&database.key(ORG, "service"));
    for _ in 0..2 {
        let linked = service.data(LINKS, json!({ "input": links(3) })).await;
        assert!(linked["linkPromotionCodes"].as_array().unwrap().iter().all(|link| link["error"].is_null()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storefront_does_not_learn_whether_a_customer_has_redeemed_a_code() {
    let database = Database::sqlite();
    database.seed(&campaigns()).await;
    let server = Server::serve(&database, &[]);
    let service = server.caller(&database.key(ORG, "service"));
    let storefront = server.caller(&database.key(ORG, "storefront"));
    let link =
        "mutation { linkPromotionCode(input: { customerId: 7, code: \"FREE\", mode: DISCOUNT }) { id state active } }";
    let new = storefront.data(link, Value::Null).await;
    let redeem = "mutation { redeemPromotion(input: { customerId: 7, code: \"FREE\", mode: DISCOUNT, \
                  transactionId: \"order 1\" }) { id } }";
    service.data(redeem, Value::Null).await;
    assert_eq!(service.data(link, Value::Null).await["linkPromotionCode"]["state"], "REDEEMED");
    assert_eq!(storefront.data(link, Value::Null).await, new);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_counted_per_field_and_not_per_request() {
    let database = Database::sqlite();
    database.seed(&campaigns()).await;
    let limits = "storefront.links=10,storefront.failed-links=none,storefront.failed-links-per-customer=none";
    let server = Server::serve(&database, &[("PROMOLINK_LIMITS", limits), LARGE_DOCUMENTS]);
    server.caller(&database.key(ORG, "service")).link(99, "TAKEN").await;
    let key = || server.caller(&database.key(ORG, "storefront"));
    for guessed in [guess_in_one_document(&key(), |_| 1).await, guess_in_batches(&key(), |_| 1).await] {
        // A burst of ten, then one for each tenth of a second.
        let looked_up = guessed["CODE_NOT_USABLE"];
        assert!((10..500).contains(&looked_up) && guessed["RATE_LIMITED"] == GUESSES - looked_up, "{guessed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_beyond_the_rate_limit_are_rejected_with_retry_after() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[("PROMOLINK_LIMITS", "service.operations=1")]);
    let service = server.caller(&database.key(ORG, "service"));
    let (mut refused, mut admitted) = (0, 0);
    for _ in 0..10 {
        let response = service.send("{ __typename }", Value::Null).await;
        if response.status() == 429 {
            assert_eq!(response.headers()["retry-after"], "1");
            let response: Value = response.json().await.unwrap();
            assert_eq!((code_of(&response), &response["data"]), ("RATE_LIMITED", &Value::Null));
            assert_eq!(response["errors"][0]["extensions"]["retryAfter"], 1);
            refused += 1;
        } else {
            assert_eq!(response.status(), 200);
            admitted += 1;
        }
    }
    assert!(refused >= 1 && admitted >= 1, "{refused} refused, {admitted} admitted");
    let other = server.caller(&database.key(ORG, "service"));
    assert_eq!(other.send("{ __typename }", Value::Null).await.status(), 200, "each credential has a separate limit");
}

#[test]
fn documented_rate_limits_match_the_defaults() {
    let number = |role, limit| {
        let Some(limit) = Limits::default().of(role, limit) else { return "none".to_owned() };
        let digits = limit.to_string();
        if digits.len() > 3 {
            format!("{},{}", &digits[..digits.len() - 3], &digits[digits.len() - 3..])
        } else {
            digits
        }
    };
    for (name, limit) in [
        ("operations a second", Limit::Operations),
        ("links a second", Limit::Links),
        ("failed links an hour", Limit::FailedLinks),
        ("failed links an hour, for one customer", Limit::FailedLinksPerCustomer),
        ("new links an hour", Limit::NewLinks),
        ("new links an hour, for one customer", Limit::NewLinksPerCustomer),
    ] {
        let numbers = Role::ALL.map(|role| number(role, limit));
        let row = format!("| {name} | `{}` | {} |\n", limit.as_str(), numbers.join(" | "));
        assert!(include_str!("../../docs/credentials.md").contains(&row), "docs/credentials.md does not say: {row}");
    }
}

const LINKS: &str =
    "mutation($input: [LinkPromotionCodeInput!]!) { linkPromotionCodes(input: $input) { error { code } } }";

fn link(customer: usize, code: &str) -> Value {
    json!({ "customerId": customer, "code": code, "mode": "DISCOUNT" })
}

fn outcomes(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect()
}

fn count<'a>(codes: impl Iterator<Item = &'a Value>) -> BTreeMap<String, usize> {
    codes.fold(BTreeMap::new(), |mut counted, code| {
        *counted.entry(code.as_str().unwrap_or("OK").to_owned()).or_insert(0) += 1;
        counted
    })
}

/// Codes that can't be linked, for each reason in turn.
fn guess_code(n: usize) -> String {
    match REASONS[n % REASONS.len()] {
        "UNKNOWN" => format!("GUESS-{n}"),
        reason => reason.to_owned(),
    }
}

async fn guess_in_one_document(caller: &Caller, customer: fn(usize) -> usize) -> BTreeMap<String, usize> {
    let guess = |n: usize| {
        let customer = customer(n);
        format!(
            "g{n}: linkPromotionCode(input: {{ customerId: {customer}, code: \"{}\", mode: DISCOUNT }}) {{ id }}",
            guess_code(n)
        )
    };
    let guesses: Vec<_> = (0..GUESSES).map(guess).collect();
    let response = caller.execute(&format!("mutation {{ {} }}", guesses.join(" ")), Value::Null).await;
    count(response["errors"].as_array().unwrap().iter().map(|error| &error["extensions"]["code"]))
}

async fn guess_in_batches(caller: &Caller, customer: fn(usize) -> usize) -> BTreeMap<String, usize> {
    let mut answers = Vec::new();
    for half in [0..GUESSES / 2, GUESSES / 2..GUESSES] {
        let input: Vec<_> = half.map(|n| link(customer(n), &guess_code(n))).collect();
        let response = caller.data(LINKS, json!({ "input": input })).await;
        answers.extend(response["linkPromotionCodes"].as_array().unwrap().clone());
    }
    count(answers.iter().map(|answer| &answer["error"]["code"]))
}

async fn guess_one_by_one(caller: &Caller, customer: fn(usize) -> usize) -> BTreeMap<String, usize> {
    let mut answers = Vec::new();
    for n in 0..GUESSES {
        answers.push(caller.link(customer(n), &guess_code(n)).await);
    }
    count(answers.iter().map(|answer| &answer["errors"][0]["extensions"]["code"]))
}

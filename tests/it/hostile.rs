//! Hostile requests: each gets a response soon, and none affects the server or other callers.

mod attacks;
mod validated;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use promolink::graphql::DocumentLimits;
use serde_json::{Value, json};

use self::{
    attacks::{multiplied, nested, odd, repeat},
    validated::{compared, looked_up},
};
use crate::support::{Database, Server, campaign, code_of};

/// The maximum response time, for a debug build beside other tests. A release build is ten times faster.
const SOON: Duration = Duration::from_secs(5);

const INTROSPECTION: &str = include_str!("hostile/introspection.graphql");

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_do_not_affect_other_callers() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    let is_over = AtomicBool::new(false);
    let beside = async {
        let (mut answers, mut slowest) = (0, Duration::ZERO);
        while !is_over.load(Ordering::Relaxed) {
            let started = Instant::now();
            let answer = server.link(1, "A").await;
            assert_eq!(code_of(&answer), "OK", "{answer:#}");
            (answers, slowest) = (answers + 1, slowest.max(started.elapsed()));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (answers, slowest)
    };
    let attacks = async {
        let mut wrong = Vec::new();
        for attack in nested().into_iter().chain(multiplied()).chain(compared()).chain(looked_up()).chain(odd()) {
            let bytes = attack.body.len();
            let request =
                reqwest::Client::new().post(server.url("/graphql")).header("content-type", "application/json");
            let started = Instant::now();
            let response = request.body(attack.body).send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            let time = started.elapsed();
            let outcome = match serde_json::from_str::<Value>(&text) {
                Ok(answer) => format!("{status} {}", code_of(&answer)),
                Err(_) => status.to_string(),
            };
            println!("{:44} {bytes:>9} bytes  {outcome:30} {time:>9.1?}", attack.name);
            if !attack.expected.iter().any(|expected| outcome.starts_with(expected)) || time > SOON {
                wrong.push(format!("{}: {outcome} in {time:?}: {}", attack.name, &text[..text.len().min(200)]));
            }
        }
        is_over.store(true, Ordering::Relaxed);
        wrong
    };
    let (wrong, (answers, slowest)) = tokio::join!(attacks, beside);
    println!("meanwhile: {answers} links, the slowest in {slowest:.1?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(answers > 50 && slowest < SOON, "{answers} links, the slowest in {slowest:?}");
    assert_eq!(server.log(), "", "the server logged an error");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_at_the_limits_are_executed() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    server
        .data("mutation { linkPromotionCode(input: { customerId: 1, code: \"A\", mode: DISCOUNT }) { id } }", json!({}))
        .await;
    let schema = server.data(INTROSPECTION, Value::Null).await;
    assert!(schema["__schema"]["types"].as_array().unwrap().len() > 30, "{schema:#}");
    // Every level is resolved: 30 below the root, the root, and an inline fragment.
    let round = "codes(first: 1) { nodes { campaign { ";
    let deep =
        format!("{{ campaigns(first: 1) {{ nodes {{ {} ... {{ name }} {} }} }} }}", round.repeat(9), "} } }".repeat(9));
    let answer = server.data(&deep, Value::Null).await;
    assert_eq!(answer.to_string().matches("\"Spring\"").count(), 1, "{answer:#}");
    let inline = format!("{{ campaigns(first: 1) {{ nodes {} name {} }} }}", "{ ...".repeat(29) + "{", "}".repeat(30));
    assert_eq!(server.data(&inline, Value::Null).await["campaigns"]["nodes"][0]["name"], "Spring");
    let wide = format!("{{ campaigns(first: 1) {{ nodes {{ {} }} }} }}", "name ".repeat(24_990));
    assert_eq!(server.data(&wide, Value::Null).await["campaigns"]["nodes"][0]["name"], "Spring");
}

#[tokio::test]
async fn a_document_beyond_a_limit_is_rejected_with_the_limit() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let create = "createCampaign(input: { name: \"Secret\", mode: DISCOUNT, validTill: 4000000000000 }) { id }";
    let document = format!("mutation {{ {} }}", repeat(1_001, |n| format!("a{n}: {create} ")));
    let response = server.execute(&document, Value::Null).await;
    insta::assert_json_snapshot!(response, @r#"
    {
      "errors": [
        {
          "extensions": {
            "code": "LIMIT_EXCEEDED",
            "retryable": false
          },
          "message": "The limit is 1000 fields at the root of one operation, but the document has 1001: split it into several requests."
        }
      ]
    }
    "#);
    let campaigns = server.data("{ campaigns(first: 100) { nodes { name } } }", Value::Null).await;
    assert!(!campaigns.to_string().contains("Secret"), "{campaigns:#}");
}

#[test]
fn documented_document_limits_match_the_defaults() {
    let (trusted, untrusted) = (DocumentLimits::default(), DocumentLimits::untrusted());
    for (name, of) in [
        ("nesting", (|limits| limits.nesting) as fn(&DocumentLimits) -> usize),
        ("depth", |limits| limits.depth),
        ("tokens", |limits| limits.tokens),
        ("name", |limits| limits.name),
        ("operations", |limits| limits.operations),
        ("variables", |limits| limits.variables),
        ("selections", |limits| limits.selections),
        ("aliases", |limits| limits.aliases),
        ("directives", |limits| limits.directives),
        ("root-fields", |limits| limits.root_fields),
        ("values", |limits| limits.values),
    ] {
        let number = |limits| match of(limits) {
            number if number < 1_000 => number.to_string(),
            number => format!("{},{:03}", number / 1_000, number % 1_000),
        };
        let row = format!("| `{name}` | {} | {} | ", number(&trusted), number(&untrusted));
        assert!(
            include_str!("../../docs/graphql-over-http.md").contains(&row),
            "docs/graphql-over-http.md does not say: {row}"
        );
    }
}

//! The form of responses: what the GraphQL specification requires, and how errors are reported.

use serde_json::{Value, json};

use crate::support::{Database, Server, campaign, code_of, on_both_databases};

on_both_databases! {
    async fn keys_follow_the_order_of_the_document(database: Database) {
        database.seed(&[campaign("Spring").code("A", None).code("B", None)]).await;
        let server = Server::start(&database);
        let request = |(variables, skipped): (&str, &str)| {
            let query = format!("query{variables} {{
                codes: promotionCodes(codes: [\"a\"], mode: DISCOUNT) {{ campaign {{ name id }} ...rest code {skipped} }}
                campaigns {{ __typename nodes {{ codes {{ nodes {{ code }} }} name }} }}
                __typename
            }}
            fragment rest on PromotionCode {{ linkCount campaign {{ mode }} ... on PromotionCode {{ mode }} }}");
            let body = json!({ "query": query }).to_string();
            reqwest::Client::new().post(server.url("/graphql")).header("content-type", "application/json").body(body)
        };
        // With and without a field that a directive omits.
        for query in [
            ("($no: Boolean = false, $yes: Boolean = true)", "no: code @include(if: $no) yes: code @include(if: $yes)"),
            ("", "yes: code"),
        ] {
            let text = request(query).send().await.unwrap().text().await.unwrap();
            let keys = ["codes", "campaign", "name", "id", "mode", "linkCount", "mode", "code", "yes", "campaigns", "__typename", "nodes", "codes", "nodes", "code", "code", "name", "__typename"];
            let mut rest = text.as_str();
            for key in keys {
                let quoted = format!("\"{key}\":");
                let at = rest.find(&quoted).unwrap_or_else(|| panic!("{key} is missing or out of order: {text}"));
                rest = &rest[at + quoted.len()..];
            }
            assert!(!text.contains("\"no\""), "{text}");
        }
    }

    async fn a_failed_non_null_field_makes_its_parent_null(database: Database) {
        database.seed(&[campaign("Spring").code("A", None)]).await;
        let server = Server::start(&database);
        let fails = "codes(first: 0) { nodes { code } }";
        let response = server.execute(&format!("{{ campaigns {{ nodes {{ name {fails} }} }} }}"), Value::Null).await;
        assert_eq!((&response["data"], code_of(&response)), (&Value::Null, "INVALID_INPUT"));
        let query = format!("{{ promotionCodes(codes: [\"a\"], mode: DISCOUNT) {{ code campaign {{ {fails} }} }} }}");
        let response = server.execute(&query, Value::Null).await;
        assert_eq!(response["data"], json!({ "promotionCodes": [null] }), "the item may be null");
        assert_eq!(response["errors"][0]["path"], json!(["promotionCodes", 0, "campaign", "codes"]));
        let query = "{ promotion(id: \"x\") { id } campaigns { nodes { name } } }";
        let response = server.execute(query, Value::Null).await;
        assert_eq!(response["data"], json!({ "promotion": null, "campaigns": { "nodes": [{ "name": "Spring" }] } }));
    }
}

#[tokio::test]
async fn a_mutation_selected_twice_under_one_key_is_executed_once() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let create =
        |name: &str| format!("createCampaign(input: {{ name: \"{name}\", mode: DISCOUNT, validTill: 4000000000000 }})");
    for (name, document) in [
        ("A", "mutation { CREATE { id } CREATE { name } }"),
        ("B", "mutation { ...f ...f CREATE { id } } fragment f on Mutation { CREATE { name } }"),
        ("C", "mutation { a: CREATE { name } ... on Mutation { a: CREATE { id } } }"),
    ] {
        let data = server.data(&document.replace("CREATE", &create(name)), Value::Null).await;
        let created = data.as_object().unwrap().values().next().unwrap();
        assert!(created["name"] == name && created["id"].is_string(), "{data:#}");
    }
    let campaigns = server.data("{ campaigns { nodes { name } } }", Value::Null).await;
    for name in ["A", "B", "C"] {
        assert_eq!(campaigns.to_string().matches(&format!("\"{name}\"")).count(), 1, "{campaigns:#}");
    }
}

#[tokio::test]
async fn only_a_json_post_executes_a_mutation() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let create =
        "mutation { createCampaign(input: { name: \"Forged\", mode: DISCOUNT, validTill: 4000000000000 }) { id } }";
    let body = json!({ "query": create }).to_string();
    let client = reqwest::Client::new();
    let post = |content_type: &str| {
        client.post(server.url("/graphql")).header("content-type", content_type).body(body.clone()).send()
    };
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        assert_eq!(post(content_type).await.unwrap().status(), 415, "{content_type}");
    }
    let get = client.get(server.url("/graphql")).query(&[("query", create)]).send().await.unwrap();
    assert_eq!((get.status().as_u16(), &get.headers()["allow"]), (405, &"POST".parse().unwrap()));
    assert_eq!(post("application/json; charset=utf-8").await.unwrap().status(), 200);
    let names = server.data("{ campaigns { nodes { name } } }", Value::Null).await.to_string();
    assert_eq!(names.matches("Forged").count(), 1, "{names}");
}

#[tokio::test]
async fn a_rejected_document_has_an_error_code() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    for (query, variables, expected) in [
        ("{ promotion(", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        (
            "query($mode: PromotionMode!) { promotionCodes(codes: [], mode: $mode) { code } }",
            json!({ "mode": "NOPE" }),
            "BAD_USER_INPUT",
        ),
        (
            "query($first: Int) { campaigns(first: $first) { nodes { id } } }",
            json!({ "first": 99_999_999_999_i64 }),
            "BAD_USER_INPUT",
        ),
    ] {
        let response = server.execute(query, variables).await;
        assert_eq!((code_of(&response), &response["data"]), (expected, &Value::Null), "{query}: {response:#}");
        assert_eq!(response["errors"][0]["extensions"]["retryable"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internal_error_is_masked_and_logged_once_with_the_request_id() {
    let database = Database::postgres();
    let server = Server::start(&database);
    database.run("ALTER TABLE redemptions RENAME TO elsewhere").await;
    let query = "{ promotionCodes(codes: [\"WELCOME\", \"HELLO\"], mode: DISCOUNT) { promotions { nodes { id } } } }";
    assert_eq!(code_of(&server.execute(query, Value::Null).await), "OK");
    database.run("ALTER TABLE campaigns RENAME TO elsewhere_too").await;
    let body =
        json!({ "query": "{ promotionCodes(codes: [\"WELCOME\", \"HELLO\"], mode: DISCOUNT) { campaign { id } } }" });
    let request = reqwest::Client::new().post(server.url("/graphql")).header("x-request-id", "my-request");
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "my-request");
    let text = answer.text().await.unwrap();
    assert!(text.contains("\"INTERNAL\"") && !text.contains("relation"), "{text}");
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(lines.len() == 1 && lines[0].contains("my-request") && lines[0].contains("campaigns"), "{log}");
}

//! GraphQL over HTTP: media types, statuses, methods, persisted documents, introspection, origins and hosts.

use std::{fs, time::Duration};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Database, ORG, Server, campaign, code_of, issuer};

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";

#[tokio::test(flavor = "multi_thread")]
async fn a_response_has_the_accepted_media_type_and_its_status() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let ask = async |accept: &str, body: Value| server.request(&body).header("accept", accept).send().await.unwrap();
    let fails = "{ promotion(id: \"x\") { id } }";
    for (document, code, status) in [
        ("{ __typename }", "OK", 200),
        (fails, "INVALID_INPUT", 200),
        ("{ promotion(", "GRAPHQL_PARSE_FAILED", 400),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED", 400),
        ("query($id: ID!) { promotion(id: $id) { id } }", "BAD_USER_INPUT", 400),
        ("query A { __typename } query B { __typename }", "GRAPHQL_VALIDATION_FAILED", 400),
    ] {
        for (accept, status) in [(JSON, 200), ("*/*", 200), (GRAPHQL, status)] {
            let response = ask(accept, json!({ "query": document })).await;
            let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
            let expected = if accept == GRAPHQL { GRAPHQL } else { JSON };
            assert_eq!(content_type, format!("{expected}; charset=utf-8"));
            assert_eq!(response.headers()["vary"], "accept");
            assert_eq!(response.status(), status, "{document}");
            let response: Value = response.json().await.unwrap();
            assert_eq!(code_of(&response), code, "{document}: {response:#}");
            let executed = ["OK", "INVALID_INPUT"].contains(&code);
            assert_eq!(response.as_object().unwrap().contains_key("data"), executed, "{response:#}");
        }
    }
    for body in [
        json!([{ "query": "{ __typename }" }]),
        json!("x"),
        json!({}),
        json!({ "query": 1 }),
        json!({ "query": "{ __typename }", "variables": [] }),
        json!({ "query": "{ __typename }", "documentId": "x" }),
    ] {
        for accept in [JSON, GRAPHQL] {
            let response = ask(accept, body.clone()).await;
            assert_eq!(response.status(), 400, "{body}");
            assert_eq!(code_of(&response.json().await.unwrap()), "BAD_REQUEST", "{body}");
        }
    }
    let response = ask("text/html", json!({ "query": "{ __typename }" })).await;
    assert_eq!((response.status().as_u16(), code_of(&response.json().await.unwrap())), (406, "BAD_REQUEST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn get_executes_queries_but_not_mutations() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let get = async |parameters: &[(&str, &str)]| {
        reqwest::Client::new().get(server.url("/graphql")).query(parameters).send().await.unwrap()
    };
    let query = "query($codes: [String!]!) { promotionCodes(codes: $codes, mode: DISCOUNT) { code } }";
    let response = get(&[("query", query), ("variables", "{\"codes\":[\"welcome\"]}")]).await;
    let response: Value = response.json().await.unwrap();
    assert_eq!(response["data"]["promotionCodes"], json!([{ "code": "WELCOME" }]));
    let create =
        "mutation M { createCampaign(input: { name: \"Forged\", mode: DISCOUNT, validTill: 4000000000000 }) { id } }";
    for parameters in [&[("query", create)][..], &[("query", create), ("operationName", "M")]] {
        let response = get(parameters).await;
        assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"POST".parse().unwrap()));
    }
    let both = format!("{create} query Q {{ __typename }}");
    assert_eq!(get(&[("query", &both), ("operationName", "Q")]).await.status(), 200);
    assert_eq!(get(&[("query", &both), ("operationName", "M")]).await.status(), 405);
    for _ in 0..5 {
        // Without a name, the server chooses neither operation.
        let response: Value = get(&[("query", &both)]).await.json().await.unwrap();
        assert_eq!(code_of(&response), "GRAPHQL_VALIDATION_FAILED", "{response:#}");
    }
    let not_utf8 = reqwest::get(server.url("/graphql?query=%7B__typename%7D%23%ff")).await.unwrap();
    assert_eq!(not_utf8.status(), 400);
    for parameters in [
        &[][..],
        &[("query", "{ __typename }"), ("variables", "[]")],
        &[("query", "{ __typename }"), ("variables", "{")],
    ] {
        assert_eq!(get(parameters).await.status(), 400, "{parameters:?}");
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let response = reqwest::Client::new().request(method, server.url("/graphql")).send().await.unwrap();
        assert_eq!(response.status(), 405);
    }
    let names = server.data("{ campaigns { nodes { name } } }", Value::Null).await.to_string();
    assert!(!names.contains("Forged"), "{names}");
}

#[tokio::test(flavor = "multi_thread")]
async fn persisted_documents_are_executed_by_their_id() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("documents.json");
    let link = "mutation Link($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { code } }";
    fs::write(&manifest, json!({ "71f7": "query Q { __typename }", "sha256:a0": link }).to_string()).unwrap();
    let manifest = manifest.to_str().unwrap();
    let server = Server::serve(&database, &[("PROMOLINK_DOCUMENTS", manifest), ("PROMOLINK_DOCUMENTS_ONLY", "true")]);
    let (admin, service) = (server.caller(&database.key(ORG, "admin")), server.caller(&database.key(ORG, "service")));
    for id in ["71f7", "sha256:71f7"] {
        assert_eq!(service.post(&json!({ "documentId": id })).await["data"]["__typename"], "Query");
    }
    let input = json!({ "customerId": 1, "code": "a", "mode": "DISCOUNT" });
    let linked = service.post(&json!({ "documentId": "sha256:a0", "variables": { "input": input } })).await;
    assert_eq!(linked["data"]["linkPromotionCode"]["code"], "A");
    let by_get = async |id: &str| {
        let request = reqwest::Client::new().get(service.url("/graphql")).query(&[("documentId", id)]);
        request.bearer_auth(database.key(ORG, "service")).send().await.unwrap().status().as_u16()
    };
    assert_eq!((by_get("sha256:71f7").await, by_get("sha256:a0").await), (200, 405));
    assert_eq!(code_of(&service.post(&json!({ "documentId": "sha256:00" })).await), "PERSISTED_DOCUMENT_NOT_FOUND");
    for text in ["{ __typename }", "{ __schema { types { name } } }"] {
        assert_eq!(code_of(&service.execute(text, Value::Null).await), "PERSISTED_DOCUMENT_REQUIRED");
        assert_eq!(code_of(&admin.execute(text, Value::Null).await), "OK");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_introspection_no_caller_can_read_the_schema() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[("PROMOLINK_INTROSPECTION", "off")]);
    let admin = server.caller(&database.key(ORG, "admin"));
    for document in
        ["{ __schema { types { name } } }", "{ __type(name: \"Query\") { fields { name } } }", "{ _service { sdl } }"]
    {
        let response = admin.execute(document, Value::Null).await.to_string();
        assert!(!response.contains("linkPromotionCode") && !response.contains("campaigns"), "{document}: {response}");
        assert!(
            response.contains("Introspection is off on this server: use the schema that"),
            "{document}: {response}"
        );
    }
    let misspelt = admin.execute("{ campaign(id: \"x\") { nam } }", Value::Null).await.to_string();
    assert!(!misspelt.contains("Did you mean"), "{misspelt}");
    assert_eq!(admin.data("{ __typename }", Value::Null).await["__typename"], "Query");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_introspection_error_names_the_roles_that_may_introspect() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &issuer::VARIABLES);
    let (service, storefront) =
        (server.caller(&database.key(ORG, "service")), server.caller(&database.key(ORG, "storefront")));
    for document in
        ["{ __schema { types { name } } }", "query { ...f } fragment f on Query { __type(name: \"Query\") { name } }"]
    {
        assert_eq!(code_of(&service.execute(document, Value::Null).await), "OK");
        for caller in [&storefront, &server.caller(&issuer::token(ORG, 1))] {
            let response = caller.execute(document, Value::Null).await;
            assert_eq!((code_of(&response), &response["data"]), ("GRAPHQL_VALIDATION_FAILED", &Value::Null));
            let message = &response["errors"][0]["message"];
            assert_eq!(message, "Introspection requires the role service or admin on this server.");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_the_same_machine_may_call_dev() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let create = json!({ "query": "mutation { createCampaign(input: {
        name: \"Forged\", mode: DISCOUNT, validTill: 4000000000000 }) { id } }" });
    let permitted = |response: &Response| response.headers().get("access-control-allow-origin").cloned();
    let preflight = async |origin: &str| {
        let request = reqwest::Client::new().request(Method::OPTIONS, server.url("/graphql")).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "content-type").send().await.unwrap()
    };
    for origin in ["http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:8000", "http://localhost"] {
        assert_eq!(permitted(&preflight(origin).await).unwrap(), origin);
        let called =
            server.request(&json!({ "query": "{ __typename }" })).header("origin", origin).send().await.unwrap();
        assert_eq!((called.status().as_u16(), permitted(&called).unwrap()), (200, origin.parse().unwrap()));
    }
    for origin in
        ["https://shop.example", "null", "http://localhost.evil.example", "http://evil.localhost", "http://10.0.0.1"]
    {
        assert_eq!(permitted(&preflight(origin).await), None, "{origin}");
        let simple = reqwest::Client::new().post(server.url("/graphql")).header("origin", origin);
        let sent = simple.header("content-type", "text/plain").body(create.to_string()).send().await.unwrap();
        assert_eq!((sent.status().as_u16(), permitted(&sent)), (415, None), "{origin}");
    }
    // A page whose name was rebound to this address sends its own name as Host.
    let rebound = server.request(&create).header("host", "evil.example").header("origin", "http://localhost:5173");
    assert_eq!(rebound.send().await.unwrap().status(), 421);
    let campaigns = server.data("{ campaigns { nodes { name } } }", Value::Null).await;
    assert!(!campaigns.to_string().contains("Forged"), "{campaigns}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_permitted_origins_may_call() {
    let database = Database::sqlite();
    database.open().await;
    let key = database.key(ORG, "storefront");
    let origins = "https://shop.example,http://localhost:3000";
    let (open, closed) =
        (Server::serve(&database, &[("PROMOLINK_CORS_ORIGINS", origins)]), Server::serve(&database, &[]));
    let preflight = async |server: &Server, origin: &str| {
        let request = reqwest::Client::new().request(Method::OPTIONS, server.url("/graphql")).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,content-type").send().await.unwrap()
    };
    let header =
        |response: &Response, name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let allowed = preflight(&open, "https://shop.example").await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(header(&allowed, "access-control-allow-origin").as_deref(), Some("https://shop.example"));
    assert_eq!(header(&allowed, "access-control-allow-headers").as_deref(), Some("authorization,content-type"));
    assert_eq!(header(&allowed, "access-control-allow-credentials"), None);
    let called =
        open.caller(&key).request(&json!({ "query": "{ __typename }" })).header("origin", "http://localhost:3000");
    let called = called.send().await.unwrap();
    assert_eq!(
        (called.status().as_u16(), header(&called, "access-control-allow-origin").as_deref()),
        (200, Some("http://localhost:3000"))
    );
    for (server, origin) in [(&open, "https://shop.example.evil"), (&open, "null"), (&closed, "https://shop.example")] {
        assert_eq!(header(&preflight(server, origin).await, "access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_accepts_only_the_host_names_of_its_own_machine() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    let body = json!({ "query": "{ __typename }" });
    for (host, status) in
        [("localhost", 200), ("127.0.0.1", 200), ("[::1]", 200), ("rebound.example", 421), ("localhost.example", 421)]
    {
        let response = server.request(&body).header("host", format!("{host}:{port}")).send().await.unwrap();
        assert_eq!(response.status(), status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_are_never_cached_and_compressed_only_if_accepted() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let query = json!({ "query": "{ __schema { types { name description fields { name description } } } }" });
    let response = server.request(&query).header("accept-encoding", "gzip").send().await.unwrap();
    let headers = response.headers();
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("content-encoding", "gzip"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(headers.contains_key("x-request-id"));
    for (id, taken) in [("a".repeat(128), true), ("a".repeat(129), false)] {
        let response = server.request(&query).header("x-request-id", &id).send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"] == id.as_str(), taken);
    }
    let packed = response.bytes().await.unwrap().len();
    let plain = server.request(&query).send().await.unwrap().bytes().await.unwrap().len();
    assert!(packed * 3 < plain, "{packed} of {plain} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_a_document_are_short_and_have_a_location() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let long = "x".repeat(100_000);
    for (document, line, column) in [
        (format!("query {{\n  campaigns {{ nodes {{ {} }} }} }}", &long[..200]), 2, 23),
        (format!("{{ campaigns(first: \"{long}\") {{ nodes {{ id }} }} }}"), 1, 20),
        (format!("{{ a }} }} # secret {long}"), 1, 7),
        (format!("{{ {} }}", (0..1000).map(|n| format!("nothing{n}")).collect::<Vec<_>>().join(" ")), 1, 3),
    ] {
        let response = server.execute(&document, Value::Null).await;
        let text = response.to_string();
        assert!(text.len() < 5_000 && !text.contains("secret"), "{} bytes: {:.1000}", text.len(), text);
        assert_eq!(response["errors"][0]["locations"][0], json!({ "line": line, "column": column }), "{text:.1000}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_progress_is_completed_after_the_client_disconnects() {
    let database = Database::postgres();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    let linked = server.link(1, "A").await;
    let id = linked["data"]["linkPromotionCode"]["id"].clone();
    let mut session = database.session().await;
    session.run("BEGIN; SELECT 1 FROM promotions FOR UPDATE").await;
    let unlink =
        json!({ "query": "mutation($id: ID!) { unlinkPromotion(id: $id) { state } }", "variables": { "id": id } });
    let given_up = server.request(&unlink).timeout(Duration::from_millis(300)).send().await;
    assert!(given_up.is_err_and(|error| error.is_timeout()));
    session.run("ROLLBACK").await;
    let query = "query($id: ID!) { promotion(id: $id) { state } }";
    for _ in 0..100 {
        if server.data(query, json!({ "id": id })).await["promotion"]["state"] == "UNLINKED" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the promotion was not unlinked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variables_of_a_repeated_document_are_checked_for_each_request() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let query =
        "query($codes: [String!]!, $mode: PromotionMode!) { promotionCodes(codes: $codes, mode: $mode) { code } }";
    for _ in 0..3 {
        let good = server.execute(query, json!({ "codes": ["welcome"], "mode": "DISCOUNT" })).await;
        assert_eq!(good["data"]["promotionCodes"], json!([{ "code": "WELCOME" }]));
        for (variables, wrong) in [
            (json!({ "codes": ["welcome"], "mode": "NOPE" }), "variable mode: \"NOPE\" to type PromotionMode"),
            (json!({ "codes": ["welcome"] }), "missing value for non-null variable 'mode'"),
            (json!({ "codes": ["welcome", 5], "mode": "DISCOUNT" }), "variable codes: 5 to type String"),
        ] {
            let bad = server.execute(query, variables).await;
            let message = bad["errors"][0]["message"].as_str().unwrap();
            assert!(code_of(&bad) == "BAD_USER_INPUT" && message.contains(wrong), "{bad:#}");
            assert_eq!(bad.get("data"), None);
        }
    }
    let query = "mutation($input: LinkPromotionCodeInput!) { linkPromotionCode(input: $input) { code } }";
    for _ in 0..2 {
        let good = json!({ "customerId": 1, "code": "welcome", "mode": "DISCOUNT" });
        assert_eq!(code_of(&server.execute(query, json!({ "input": good })).await), "OK");
        for (input, wrong) in [
            (
                json!({ "customerId": 1, "code": 7, "mode": "DISCOUNT" }),
                "LinkPromotionCodeInput.code: 7 to type String",
            ),
            (json!({ "customerId": 1, "mode": "DISCOUNT" }), "field LinkPromotionCodeInput.code"),
            (
                json!({ "customerId": 1, "code": "A", "mode": "DISCOUNT", "more": 1 }),
                "key more not in type LinkPromotionCodeInput",
            ),
            (json!(5), "variable input: 5 to type LinkPromotionCodeInput"),
        ] {
            let bad = server.execute(query, json!({ "input": input })).await;
            let message = bad["errors"][0]["message"].as_str().unwrap();
            assert!(code_of(&bad) == "BAD_USER_INPUT" && message.contains(wrong), "{bad:#}");
        }
    }
}

/// The whole document is validated, whichever of its operations is executed (GraphQL specification, section 5).
#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_defaults_are_evaluated_for_each_request() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let two = "query A { __typename } mutation B($c: String!) {
        linkPromotionCode(input: { customerId: 1, code: $c, mode: DISCOUNT, oops: 1 }) { code } }";
    let with_default =
        "query($mode: PromotionMode! = DISCOUNT) { promotionCodes(codes: [\"welcome\"], mode: $mode) { code } }";
    let conditional = "query($no: Boolean!) { __typename ... @skip(if: $no) { campaigns(first: 1) { __typename } } }";
    for _ in 0..2 {
        let ask = |name: &str| json!({ "query": two, "operationName": name, "variables": { "c": "welcome" } });
        assert_eq!(code_of(&server.post(&ask("A")).await), "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(code_of(&server.execute(with_default, json!({})).await), "OK");
        let null = server.execute(with_default, json!({ "mode": null })).await;
        assert_eq!(code_of(&null), "BAD_USER_INPUT");
        let skipped = server.data(conditional, json!({ "no": true })).await;
        assert_eq!(skipped, json!({ "__typename": "Query" }));
        let included = server.data(conditional, json!({ "no": false })).await;
        assert_eq!(included["campaigns"]["__typename"], "CampaignConnection");
    }
}

/// An input field whose variable has no value is omitted, which is not the same as null (section 3.10).
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_without_a_value_omits_its_input_field() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let create = "mutation($till: Timestamp!) { createCampaign(input: {
        name: \"Capped\", mode: DISCOUNT, validTill: $till, maxLinksPerCustomer: 3 }) { id } }";
    let created = server.data(create, json!({ "till": 4_000_000_000_000_i64 })).await;
    let update = "mutation($id: ID!, $most: Int, $name: String) { updateCampaign(input: {
        id: $id, name: $name, maxLinksPerCustomer: $most }) { name maxLinksPerCustomer } }";
    let mut variables = json!({ "id": created["createCampaign"]["id"], "name": "Still capped" });
    let updated = server.data(update, variables.clone()).await;
    assert_eq!(updated["updateCampaign"], json!({ "name": "Still capped", "maxLinksPerCustomer": 3 }));
    variables["most"] = Value::Null;
    let updated = server.data(update, variables).await;
    assert_eq!(updated["updateCampaign"]["maxLinksPerCustomer"], Value::Null);
}

/// Clients differ in how they write requests. The server accepts each form with only one meaning.
#[tokio::test(flavor = "multi_thread")]
async fn unusual_but_unambiguous_requests_are_accepted() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let named = json!({ "query": "query A { __typename }", "operationName": "" });
    assert_eq!(code_of(&server.post(&named).await), "OK");
    let client = reqwest::Client::new();
    let get = client.get(server.url("/graphql"));
    let get = get.query(&[("query", "{ __typename }"), ("operationName", ""), ("variables", ""), ("extensions", "")]);
    assert_eq!(get.send().await.unwrap().json::<Value>().await.unwrap()["data"]["__typename"], "Query");
    let post = async |content_type: &str, body: &str| {
        let request = client.post(server.url("/graphql")).header("content-type", content_type).body(body.to_owned());
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    for content_type in ["application/json; charset=utf8", "application/json;charset=\"UTF-8\""] {
        assert_eq!(post(content_type, "{\"query\":\"{ __typename }\"}").await.0, 200, "{content_type}");
    }
    assert_eq!(post("application/json; charset=latin1", "{}").await.0, 415);
    assert_eq!(post(JSON, "\u{feff}{\"query\":\"{ __typename }\"}").await.0, 200, "a byte order mark");
    for half in ["\\ud800", "\\ud800x", "\\udc00", "\\ud800\\u0041"] {
        let (status, answer) = post(JSON, &format!("{{\"query\":\"{{ __typename }} #{half}\"}}")).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(status == 400 && message.contains("surrogate pair"), "{half}: {message}");
    }
    let (status, answer) = post(JSON, "{\"query\": oops}").await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(status == 400 && message.contains("not valid JSON") && message.contains("column 11"), "{message}");

    let first = server.data("{ campaigns(first: 1, after: \"\") { nodes { name } } }", Value::Null).await;
    assert_eq!(first["campaigns"]["nodes"].as_array().unwrap().len(), 1);
    let create = "mutation($till: Timestamp!) { createCampaign(input:
        { name: \"Floats\", mode: DISCOUNT, redeemableFrom: 4102444800000.0, validTill: $till }) { redeemableFrom validTill } }";
    let body = json!({ "query": create }).to_string();
    let body = format!("{},\"variables\":{{\"till\":4102444800001.0}}}}", body.strip_suffix('}').unwrap());
    let (_, created) = post(JSON, &body).await;
    let expected = json!({ "redeemableFrom": 4_102_444_800_000_i64, "validTill": 4_102_444_800_001_i64 });
    assert_eq!(created["data"]["createCampaign"], expected, "{created:#}");
    let link = |customer: &str| {
        format!(
            "mutation {{ linkPromotionCode(input: {{ customerId: {customer}, code: \"welcome\", mode: DISCOUNT }}) {{ customerId }} }}"
        )
    };
    let linked = server.data(&link("7.0"), Value::Null).await;
    assert_eq!(linked["linkPromotionCode"]["customerId"], 7);
    for customer in ["7.5", "1e999", "-1.0", "9007199254740992.0", "99999999999999999999", "1e15"] {
        let code = code_of(&server.execute(&link(customer), Value::Null).await).to_owned();
        assert_eq!(code, if customer == "1e15" { "OK" } else { "INVALID_INPUT" }, "{customer}");
    }
}

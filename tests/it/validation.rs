//! The rules of section 5 of the GraphQL specification (September 2025), each with documents that are accepted and
//! documents that are rejected.

use serde_json::{Value, json};

use crate::support::{Database, Server, campaign, code_of};

/// A rule of the specification: its section, documents that keep it, and documents that break it.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

const RULES: &[Rule] = &[
    (
        "5.1.1 Executable Definitions",
        &["{ __typename }"],
        &["{ __typename } type A { b: Int }", "{ __typename } extend type Query { b: Int }", "scalar A"],
    ),
    (
        "5.2.1.1 Operation Type Existence",
        &["query { __typename }", "mutation { __typename }"],
        &["subscription { __typename }"],
    ),
    (
        "5.2.2.1 Operation Name Uniqueness",
        &["query A { __typename } query B { __typename }"],
        &["query A { __typename } query A { __typename }", "query A { __typename } mutation A { __typename }"],
    ),
    (
        "5.2.3.1 Lone Anonymous Operation",
        &["{ __typename }"],
        &["{ __typename } query A { __typename }", "{ __typename } { __typename }"],
    ),
    (
        "5.3.1 Field Selections",
        &["{ campaigns(first: 1) { nodes { name } } }", "{ __schema { queryType { name } } }"],
        &[
            "{ nothing }",
            "{ campaigns { nothing } }",
            "{ campaigns { nodes { ...f } } } fragment f on Campaign { code }",
            "query($r: [_Any!]!) { _entities(representations: $r) { id } }",
        ],
    ),
    (
        "5.3.2 Field Selection Merging",
        &[
            "{ campaigns(first: 1) { nodes { name name } } campaigns(first: 1) { nodes { id } } }",
            "query($a: Int) { campaigns(first: $a) { pageInfo { hasNextPage } } campaigns(first: $a) { nodes { id } } }",
            "{ a: campaigns(first: 1) { nodes { id } } b: campaigns(first: 2) { nodes { id } } }",
            "{ promotionCodes(codes: [\"A\", \"B\"], mode: DISCOUNT) { code } promotionCodes(mode: DISCOUNT, codes: [\"A\", \"B\"]) { mode } }",
            // An object has only one of the two types.
            "query($r: [_Any!]!) { _entities(representations: $r) {
                ... on Customer { p: promotions(first: 1) { nodes { id } } } ... on Promotion { q: redemptions(first: 2) { nodes { id } } } } }",
        ],
        &[
            "{ customerPromotions(customerId: 42) { nodes { code } } ...f }
                fragment f on Query { customerPromotions(customerId: 43) { nodes { customerId } } }",
            "query($a: Long!, $b: Long!) { customerPromotions(customerId: $a) { nodes { id } } customerPromotions(customerId: $b) { nodes { id } } }",
            "{ campaigns(first: 1) { nodes { id } } ... on Query { campaigns { nodes { id } } } }",
            "{ campaigns { nodes { codes(first: 1) { nodes { code } } codes(first: 2) { nodes { code } } } } }",
            "{ campaigns { nodes { x: name x: id } } }",
            "{ campaigns { n: nodes { id } n: edges { cursor } } }",
            "{ promotionCodes(codes: [\"A\"], mode: DISCOUNT) { code } promotionCodes(codes: [\"A\", \"B\"], mode: DISCOUNT) { code } }",
            "{ campaigns { nodes { codes(first: 1) { nodes { code } } } } campaigns { nodes { codes { nodes { code } } } } }",
            "query($r: [_Any!]!) { _entities(representations: $r) { ... on Customer { x: id } ... on Promotion { x: customerId } } }",
        ],
    ),
    (
        "5.3.3 Leaf Field Selections",
        &["{ campaigns { nodes { id } } }"],
        &["{ campaigns }", "{ campaigns { nodes } }", "{ campaigns { nodes { name { x } } } }", "{ __typename { x } }"],
    ),
    (
        "5.4.1 Argument Names",
        &["{ campaigns(first: 1) { nodes { id } } }"],
        &["{ campaigns(last: 1) { nodes { id } } }", "{ campaigns @skip(unless: true) { nodes { id } } }"],
    ),
    (
        "5.4.2 Argument Uniqueness",
        &["{ campaigns(first: 1, after: null) { nodes { id } } }"],
        &["{ campaigns(first: 1, first: 2) { nodes { id } } }", "{ campaigns @skip(if: true, if: false) { nodes { id } } }"],
    ),
    (
        "5.4.3 Required Arguments",
        &["{ campaign(id: \"x\") { id } }", "query($id: ID!) { campaign(id: $id) { id } }"],
        &["{ campaign { id } }", "{ campaign(id: null) { id } }", "{ campaigns @include { nodes { id } } }"],
    ),
    (
        "5.5.1.1 Fragment Name Uniqueness",
        &["{ ...a ...b } fragment a on Query { __typename } fragment b on Query { __typename }"],
        &["{ ...a } fragment a on Query { __typename } fragment a on Query { __typename }"],
    ),
    (
        "5.5.1.2 Fragment Spread Type Existence",
        &["{ ... on Query { __typename } }"],
        &["{ ...a } fragment a on Nothing { __typename }", "{ ... on Nothing { __typename } }"],
    ),
    (
        "5.5.1.3 Fragments on Object, Interface or Union Types",
        &["query($r: [_Any!]!) { _entities(representations: $r) { ...e } } fragment e on _Entity { __typename }"],
        &["{ ... on String { x } }", "{ ...a } fragment a on PromotionMode { x }", "{ ... on CreateCampaignInput { name } }"],
    ),
    (
        "5.5.1.4 Fragments Must Be Used",
        &["{ ...a } fragment a on Query { ...b } fragment b on Query { __typename }"],
        &["{ __typename } fragment a on Query { __typename }"],
    ),
    ("5.5.2.1 Fragment Spread Target Defined", &["{ ...a } fragment a on Query { __typename }"], &["{ ...nothing }"]),
    (
        "5.5.2.2 Fragment Spreads Must Not Form Cycles",
        &["{ ...a ...a } fragment a on Query { __typename }"],
        &[
            "{ ...a } fragment a on Query { ...a }",
            "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
            "{ campaigns { nodes { ...a } } } fragment a on Campaign { codes { nodes { campaign { ...a } } } }",
        ],
    ),
    (
        "5.5.2.3 Fragment Spread Is Possible",
        &["query($r: [_Any!]!) { _entities(representations: $r) { ... on Campaign { id } ... on _Entity { __typename } } }"],
        &[
            "{ campaigns { nodes { ... on Promotion { id } } } }",
            "query($r: [_Any!]!) { _entities(representations: $r) { ... on Redemption { id } } }",
            "{ ...a } fragment a on Mutation { __typename }",
        ],
    ),
    (
        "5.6.1 Values of Correct Type",
        &[
            "{ promotionCodes(codes: \"A\", mode: DISCOUNT) { code } }",
            "{ campaign(id: 5) { id } }",
            "{ customerPromotions(customerId: \"7\", active: true) { nodes { id } } }",
            "query($after: String = null) { campaigns(first: 2147483647, after: $after) { nodes { id } } }",
        ],
        &[
            "{ promotionCodes(codes: [\"A\"], mode: \"DISCOUNT\") { code } }",
            "{ promotionCodes(codes: [\"A\"], mode: NOTHING) { code } }",
            "{ promotionCodes(codes: [\"A\", null], mode: DISCOUNT) { code } }",
            "{ promotionCodes(codes: [[\"A\"]], mode: DISCOUNT) { code } }",
            "{ promotionCodes(codes: { a: 1 }, mode: DISCOUNT) { code } }",
            "{ campaigns(first: 2147483648) { nodes { id } } }",
            "{ campaigns(first: 1.0) { nodes { id } } }",
            "{ campaigns(first: \"1\") { nodes { id } } }",
            "{ campaigns(after: 1) { nodes { id } } }",
            "{ campaign(id: true) { id } }",
            "{ campaign(id: 1.5) { id } }",
            "{ customerPromotions(customerId: 7, active: 1) { nodes { id } } }",
            "query($first: Int = \"1\") { campaigns(first: $first) { nodes { id } } }",
        ],
    ),
    (
        "5.6.2 Input Object Field Names",
        &["mutation { revokePromotionCode(input: { code: \"X\", mode: DISCOUNT }) { code } }"],
        &["mutation { revokePromotionCode(input: { code: \"X\", mode: DISCOUNT, more: 1 }) { code } }"],
    ),
    (
        "5.6.3 Input Object Field Uniqueness",
        &["query($r: [_Any!]! = [{ id: 1 }, { id: 2 }]) { _entities(representations: $r) { __typename } }"],
        &[
            "mutation { linkPromotionCode(input: { customerId: 42, customerId: 43, code: \"A\", mode: DISCOUNT }) { id } }",
            "mutation { linkPromotionCodes(input: [{ customerId: 1, code: \"A\", code: \"B\", mode: DISCOUNT }]) { error { code } } }",
            "{ _entities(representations: [{ id: 1, id: 2 }]) { __typename } }",
            "query($r: [_Any!]! = [{ id: 1, id: 2 }]) { _entities(representations: $r) { __typename } }",
        ],
    ),
    (
        "5.6.4 Input Object Required Fields",
        &["mutation($c: String!) { revokePromotionCode(input: { code: $c, mode: DISCOUNT }) { code } }"],
        &[
            "mutation { revokePromotionCode(input: { code: \"X\" }) { code } }",
            "mutation { revokePromotionCode(input: { code: null, mode: DISCOUNT }) { code } }",
        ],
    ),
    (
        "5.7.1 Directives Are Defined",
        &["{ __typename @include(if: true) }"],
        &["{ __typename @nothing }", "query @nothing { __typename }", "{ campaigns { nodes { id @defer } } }"],
    ),
    (
        "5.7.2 Directives Are in Valid Locations",
        &["{ ... @skip(if: false) { __typename } }"],
        &["query @skip(if: false) { __typename }", "{ __typename @deprecated }", "query($a: Int @skip(if: true)) { campaigns(first: $a) { nodes { id } } }"],
    ),
    (
        "5.7.3 Directives Are Unique per Location",
        &["{ __typename @skip(if: false) @include(if: true) }"],
        &["{ __typename @skip(if: false) @skip(if: false) }", "{ ... @include(if: true) @include(if: true) { __typename } }"],
    ),
    (
        "5.8.1 Variable Uniqueness",
        &["query($a: Int, $b: String) { campaigns(first: $a, after: $b) { nodes { id } } }"],
        &["query($a: Int, $a: Int) { campaigns(first: $a) { nodes { id } } }"],
    ),
    (
        "5.8.2 Variables Are Input Types",
        &["query($a: [PromotionMode!]) { __typename @skip(if: false) promotionCodes(codes: \"A\", mode: DISCOUNT) { code } campaigns { nodes { id } } ...f } fragment f on Query { _entities(representations: [{ a: $a }]) { __typename } }"],
        &["query($a: Campaign) { campaigns(first: $a) { nodes { id } } }", "query($a: Nothing) { campaigns(first: $a) { nodes { id } } }"],
    ),
    (
        "5.8.3 All Variable Uses Defined",
        &["query($a: Int) { ...f } fragment f on Query { campaigns(first: $a) { nodes { id } } }"],
        &[
            "{ campaigns(first: $a) { nodes { id } } }",
            "query A($a: Int) { ...f } query B { ...f } fragment f on Query { campaigns(first: $a) { nodes { id } } }",
            "{ _entities(representations: [{ id: $a }]) { __typename } }",
            "{ __typename @skip(if: $a) }",
        ],
    ),
    (
        "5.8.4 All Variables Used",
        &["query($b: Boolean!) { __typename @skip(if: $b) }", "query($b: ID) { _entities(representations: [{ id: $b }]) { __typename } }"],
        &["query($a: Int) { __typename }", "query A($a: Int) { campaigns(first: $a) { nodes { id } } } query B($a: Int) { __typename }"],
    ),
    (
        "5.8.5 All Variable Usages Are Allowed",
        &[
            "query($c: [String!]!) { promotionCodes(codes: $c, mode: DISCOUNT) { code } }",
            "query($c: String!) { promotionCodes(codes: [$c], mode: DISCOUNT) { code } }",
            "query($m: PromotionMode = DISCOUNT) { promotionCodes(codes: \"A\", mode: $m) { code } }",
            "mutation($i: PromotionCodeInput!) { revokePromotionCode(input: $i) { code } }",
        ],
        &[
            "query($c: ID) { promotionCodes(codes: [$c], mode: DISCOUNT) { code } }",
            "query($c: String) { promotionCodes(codes: [$c], mode: DISCOUNT) { code } }",
            "query($c: [String]!) { promotionCodes(codes: $c, mode: DISCOUNT) { code } }",
            "query($c: String!) { promotionCodes(codes: $c, mode: DISCOUNT) { code } }",
            "query($m: PromotionMode) { promotionCodes(codes: \"A\", mode: $m) { code } }",
            "query($m: PromotionMode = null) { promotionCodes(codes: \"A\", mode: $m) { code } }",
            "mutation($c: String) { revokePromotionCode(input: { code: $c, mode: DISCOUNT }) { code } }",
            "mutation($n: String!) { createCampaign(input: { name: \"x\", mode: $n, validTill: 1 }) { id } }",
            "query($b: Boolean) { __typename @skip(if: $b) }",
            "query($b: Int!) { __typename @include(if: $b) }",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_accepts_valid_documents_and_rejects_invalid_ones() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let mut wrong = Vec::new();
    for (rule, kept, broken) in RULES {
        for (document, is_valid) in
            kept.iter().map(|kept| (kept, true)).chain(broken.iter().map(|broken| (broken, false)))
        {
            let named = ["A", "B"].into_iter().find(|name| document.contains(&format!("query {name}")));
            let request = json!({ "query": document, "operationName": named });
            let answers = [server.post(&request).await, server.post(&request).await];
            let [first, again] = answers.each_ref().map(code_of);
            if (first != "GRAPHQL_VALIDATION_FAILED") != is_valid || first == "GRAPHQL_PARSE_FAILED" || first != again {
                wrong.push(format!("{rule}: {document}\n{}", answers[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Documents that the parser must accept (sections 2.1 and 2.9), and others that it must reject.
#[tokio::test(flavor = "multi_thread")]
async fn the_parser_follows_the_grammar() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    for document in [
        "\u{feff}{ __typename }",
        "{,,__typename,#c\r}",
        r#"{ campaign(id: "\ud83d\ude00") { id } }"#,
        r#"{ campaign(id: "\u{1F600} \" \\ \/ \b \f \n \r \t é") { id } }"#,
        r#"{ campaign(id: """a "quoted" \""" b""") { id } }"#,
        "{ a , : __typename ..., on Query { b ,,: __typename } ...,@skip(if: true) { __typename } }",
        "\"An operation\" query A(\"A variable\" $a: Int = 1, \"\"\"Another\nvariable\"\"\" $b: String) {
            campaigns(first: $a, after: $b) { nodes { ...f } } } \"\" fragment f on Campaign { id }",
        "query query { query: __typename } ",
        "query on { on: __typename } ",
    ] {
        let code = code_of(&server.execute(document, Value::Null).await).to_owned();
        assert!(["OK", "INVALID_INPUT"].contains(&code.as_str()), "{code}: {document}");
    }
    for document in [
        "",
        "# nothing",
        "{ }",
        "{ campaigns() { nodes { id } } }",
        "query() { __typename }",
        r#"{ campaign(id: "\ud83d") { id } }"#,
        r#"{ campaign(id: "\u{110000}") { id } }"#,
        r#"{ campaign(id: "\x") { id } }"#,
        "{ campaign(id: \"a\nb\") { id } }",
        "{ campaign(id: \"\nb\") { id } }",
        "{ campaigns(first) { nodes { id } } }",
        "{ campaigns(after first: 1) { nodes { id } } }",
        "{ campaigns @skip(if) { nodes { id } } }",
        "mutation { revokePromotionCode(input: { code: \"X\", mode }) { code } }",
        "mutation { revokePromotionCode(input: { code: \"X\", null mode: DISCOUNT }) { code } }",
        "\"Not a definition\" { __typename }",
        "query \"Not a definition\" query { __typename }",
        "{ ...query } fragment \"Not a definition\" query on Query { __typename }",
        "{ campaigns(first: 1.) { nodes { id } } }",
        "{ \"Not a field's\" __typename }",
        "{ campaign(id: \"\"\"a) { id } }",
        "{ campaigns(first: 01) { nodes { id } } }",
        "{ campaigns(first: 1a) { nodes { id } } }",
        "{ ...on } fragment on on Query { __typename }",
        "{ a: b: __typename }",
        "{ __typename } }",
        "{ __typename",
        "query($a: Int = $b) { campaigns(first: $a) { nodes { id } } } ?",
    ] {
        assert_eq!(code_of(&server.execute(document, Value::Null).await), "GRAPHQL_PARSE_FAILED", "{document}");
    }
}

/// Errors have the line and column in the text that was sent, counted in characters (sections 2.1.4 and 7.1.6).
#[tokio::test(flavor = "multi_thread")]
async fn error_locations_count_characters() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    for (document, line, column) in [
        ("{ a: promotion(id: \"äöü\") { nope } }", 1, 29),
        ("# \u{2028}\u{b}\n{ nope }", 2, 3),
        ("\"äöü\" query {\r\n\t\ta: promotion(id: \"x\") { id } }", 2, 3),
        ("\"äöü\" query { a: promotion(id: \"x\") { id } }", 1, 15),
        ("\"äöü\" query { a: promotion(id) { id } }", 1, 28),
        ("{ campaigns(first: 3 { nodes { id } } }", 1, 22),
        ("{ a: campaigns(first: 1) { ä } }", 1, 28),
    ] {
        let response = server.execute(document, Value::Null).await;
        assert_eq!(
            response["errors"][0]["locations"],
            json!([{ "line": line, "column": column }]),
            "{document}: {response}"
        );
    }
}

/// The path of an error leads to the field that failed, also through lists of non-null items (section 7.1.6).
#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_an_error_leads_to_its_field() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start(&database);
    assert_eq!(code_of(&server.link(5, "A").await), "OK");
    for (query, path) in [
        (
            "{ customerPromotions(customerId: 5) { nodes { customer { promotions(first: 0) { nodes { id } } } } } }",
            json!(["customerPromotions", "nodes", 0, "customer", "promotions"]),
        ),
        (
            "{ campaigns(first: 1) { edges { node { c: codes { nodes { promotions(first: 0) { nodes { id } } } } } } } }",
            json!(["campaigns", "edges", 0, "node", "c", "nodes", 0, "promotions"]),
        ),
        (
            "{ customerPromotions(customerId: 5) { nodes { redemptions(after: \"x\") { nodes { id } } } } }",
            json!(["customerPromotions", "nodes", 0, "redemptions"]),
        ),
    ] {
        let response = server.execute(query, Value::Null).await;
        assert_eq!(response["errors"][0]["path"], path, "{query}");
        assert_eq!(response["data"], Value::Null, "{query}");
    }
}

/// A nullable variable with a default value is valid where null is not permitted (section 5.8.5). If it is null,
/// nothing is executed, so that no mutation is executed in part.
#[tokio::test(flavor = "multi_thread")]
async fn a_null_variable_where_null_is_not_permitted_rejects_the_request() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    for (query, default) in [
        ("query($v: PromotionMode = DISCOUNT) { promotionCodes(codes: [\"welcome\"], mode: $v) { code } }", "OK"),
        ("query($v: String = \"welcome\") { promotionCodes(codes: [$v], mode: DISCOUNT) { code } }", "OK"),
        ("query($v: [_Any!] = []) { _entities(representations: $v) { __typename } }", "OK"),
        ("query($v: Boolean = false) { __typename @skip(if: $v) }", "OK"),
        ("query($v: ID = 99999999999999999999) { campaign(id: $v) { id } }", "INVALID_INPUT"),
        (
            "mutation($v: String = \"nothing\") { a: createCampaign(input: { name: \"Half\", mode: DISCOUNT, validTill: 1 }) { id }
                revokePromotionCode(input: { code: $v, mode: DISCOUNT }) { code } }",
            "CODE_NOT_FOUND",
        ),
    ] {
        assert_eq!(code_of(&server.execute(query, json!({ "v": null })).await), "BAD_USER_INPUT", "{query}");
        if !query.starts_with("mutation") {
            assert_eq!(code_of(&server.execute(query, json!({})).await), default, "{query}");
        }
    }
    let campaigns = server.data("{ campaigns(first: 100) { nodes { name } } }", Value::Null).await;
    assert!(!campaigns.to_string().contains("Half"), "{campaigns:#}");
    let null = "{ __type(name: \"Query\") { fields(includeDeprecated: null) { name } } }";
    assert!(server.data(null, Value::Null).await["__type"]["fields"].is_array());
    assert_eq!(
        code_of(&server.execute("{ campaigns(first: -0) { nodes { id } } }", Value::Null).await),
        "INVALID_INPUT"
    );
    assert_eq!(server.log(), "");
}

/// A field is read once (section 6.3.2), so that its selections at two places show the same state.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_selected_twice_is_read_once() {
    let database = Database::sqlite();
    database.seed(&[campaign("Spring").code("A", None)]).await;
    let server = Server::start_logging(&database, "promolink::sql=debug");
    let twice = "{ campaigns(first: 1) { nodes { id } } ...f ... { campaigns(first: 1) { pageInfo { hasNextPage } } } }
        fragment f on Query { campaigns(first: 1) { nodes { name codes(first: 1) { nodes { code } } } } }";
    let (count, data) = server.statements(twice, Value::Null).await;
    let campaign = &data["campaigns"]["nodes"][0];
    assert!(campaign["id"].is_string(), "{data:#}");
    assert_eq!((&campaign["name"], &campaign["codes"]), (&json!("Spring"), &json!({ "nodes": [{ "code": "A" }] })));
    assert_eq!(data["campaigns"]["pageInfo"], json!({ "hasNextPage": false }));
    assert_eq!(count, 2, "the page and its codes");
}

/// Errors are in the order of the document, whichever field failed first.
#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_get_equal_responses() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let query = "{ z: promotion(id: \"x\") { id } promotionCodes(codes: [\"welcome\", \"hello\"], mode: DISCOUNT) {
            b: campaign { codes(first: 0) { nodes { code } } } } ...f a: promotion(id: \"y\") { id } }
        fragment f on Query { m: campaign(id: \"z\") { id } }";
    let first = server.execute(query, Value::Null).await;
    let paths: Vec<_> = first["errors"].as_array().unwrap().iter().map(|error| error["path"].clone()).collect();
    let failed = |index: usize| json!(["promotionCodes", index, "b", "codes"]);
    assert_eq!(paths, [json!(["z"]), failed(0), failed(1), json!(["m"]), json!(["a"])]);
    assert_eq!(first["errors"][3]["locations"], json!([{ "line": 3, "column": 31 }]));
    for _ in 0..20 {
        assert_eq!(server.execute(query, Value::Null).await, first);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_variable_leaves_the_defaults_of_introspection() {
    let server = Server::start(&Database::sqlite());
    let query = "query($a: Boolean) { __type(name: \"PromotionMode\") { enumValues(includeDeprecated: $a) { name } } }";
    for variables in [json!({}), json!({ "a": null }), json!({ "a": true })] {
        let values = server.data(query, variables).await["__type"]["enumValues"].take();
        assert_eq!(values, json!([{ "name": "DISCOUNT" }, { "name": "PAYMENT_VOUCHER" }]));
    }
}

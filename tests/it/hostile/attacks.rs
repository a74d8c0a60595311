//! Hostile requests: documents that nest or multiply, and malformed bodies.

use serde_json::{Value, json};

/// A hostile request and its expected outcome: the status, and the code of the first error.
pub struct Attack {
    pub name: String,
    pub body: String,
    /// The outcome must begin with one of these.
    pub expected: &'static [&'static str],
}

pub fn attack(name: impl Into<String>, query: &str, variables: &Value, expected: &'static [&'static str]) -> Attack {
    Attack { name: name.into(), body: json!({ "query": query, "variables": variables }).to_string(), expected }
}

pub const TOO_MUCH: &[&str] = &["200 LIMIT_EXCEEDED"];
const TOO_LONG: &[&str] = &["200 LIMIT_EXCEEDED", "413"];
pub const INVALID: &[&str] = &["200 GRAPHQL_VALIDATION_FAILED"];
const UNREADABLE: &[&str] = &["400"];

pub fn repeat(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

/// Deeply nested documents.
pub fn nested() -> Vec<Attack> {
    let kinds: [(&str, &str, &str, &str, &str); 8] = [
        ("lists", "{ campaign(id: ", "[", "]", ") { id } }"),
        ("objects", "{ campaign(id: ", "{a:", "}", ") { id } }"),
        ("lists left open", "{ campaign(id: ", "[", "", ""),
        ("variable types", "query ($a: ", "[", "]", ") { campaigns { nodes { id } } }"),
        ("default values", "query ($a: Int = ", "[", "]", ") { campaigns { nodes { id } } }"),
        ("selections", "", "{a", "}", ""),
        ("inline fragments", "{ campaigns ", "{...", "}", " }"),
        ("directives' values", "{ campaigns @include(if: ", "[", "]", ") { nodes { id } } }"),
    ];
    let levels = [100, 1_600, 3_200, 6_400, 100_000];
    let all = kinds.into_iter().flat_map(|kind| levels.map(|levels| (kind, levels)));
    let attacks = all.map(|((name, before, open, close, after), levels)| {
        let filler = if open.contains('{') { "{a}" } else { "" };
        let filler = if open == "{a:" {
            "1"
        } else if open == "[" && name.contains("types") {
            "Int"
        } else {
            filler
        };
        let query = format!("{before}{}{filler}{}{after}", open.repeat(levels), close.repeat(levels));
        attack(format!("{levels} nested {name}"), &query, &json!({}), if levels > 6_400 { TOO_LONG } else { TOO_MUCH })
    });
    attacks.collect()
}

/// Documents whose parts multiply the work of validating or executing them.
pub fn multiplied() -> Vec<Attack> {
    let doubled = |levels: usize| {
        let double = |n| format!("fragment f{n} on Campaign {{ ...f{m} ...f{m} }} ", m = n + 1);
        let fragments = repeat(levels, double);
        let query =
            format!("{{ campaigns {{ nodes {{ ...f0 }} }} }} {fragments} fragment f{levels} on Campaign {{ id }}");
        let expected = if levels > 12 { TOO_MUCH } else { &["200 OK", "200 LIMIT_EXCEEDED"] };
        attack(format!("fragments doubled over {levels} levels"), &query, &json!({}), expected)
    };
    let ring = |count: usize| {
        let fragment = |n| format!("fragment f{n} on Campaign {{ ...f{} }} ", (n + 1) % count);
        let query = format!("{{ campaigns {{ nodes {{ ...f0 }} }} }} {}", repeat(count, fragment));
        attack(format!("a ring of {count} fragments"), &query, &json!({}), if count > 10 { TOO_MUCH } else { INVALID })
    };
    let codes = |count: usize| json!({ "codes": vec!["A"; count] });
    let look_up = |codes: &str| format!("query ($codes: [String!]!) {{ {codes} }}");
    let copies = repeat(1_000, |n| format!("a{n}: promotionCodes(codes: $codes, mode: DISCOUNT) {{ code }} "));
    let list = format!(
        "query ($code: String!) {{ promotionCodes(codes: [{}], mode: DISCOUNT) {{ code }} }}",
        "$code ".repeat(1_000)
    );
    let spread = format!(
        "{{ campaigns {{ {} }} }} fragment f on Campaign {{ {} }}",
        "nodes { ...f } ".repeat(2_500),
        repeat(10_000, |n| format!("a{n}: id "))
    );
    let operations = format!(
        "{} fragment f on Query {{ promotionCodes(codes: [{}], mode: DISCOUNT) {{ code }} }}",
        repeat(2_000, |n| format!("query q{n}($a: String!) {{ ...f }} ")),
        "$a ".repeat(10_000)
    );
    let lists = format!(
        "{{ campaigns(first: 100) {{ nodes {{ codes(first: 100) {{ nodes {{ promotions(first: 100) {{ nodes {{ id {} }} }} }} }} }} }} }}",
        "campaign { codes(first: 100) { nodes { code } } }"
    );
    let types =
        format!("{{ __schema {{ types {}name{} }} }}", "{ fields { type ".repeat(12) + "{ ", " } }".repeat(12) + " }");
    let mut attacks = vec![
        ring(2),
        ring(10),
        ring(10_000 / 2),
        attack(
            "10,000 aliases",
            &format!("{{ campaigns {{ nodes {{ {} }} }} }}", repeat(10_000, |n| format!("a{n}: id "))),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "10,000 aliases at the root",
            &format!("{{ {} }}", repeat(10_000, |n| format!("a{n}: __typename "))),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "10,000 directives",
            &format!("{{ campaigns {{ nodes {{ id {} }} }} }}", "@skip(if: false) ".repeat(10_000)),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "10,000 unknown directives",
            &format!("{{ campaigns {{ nodes {{ id {} }} }} }}", "@a ".repeat(10_000)),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            // Equal fields merge into one.
            "25,000 equal fields",
            &format!("{{ campaigns(first: 100) {{ nodes {{ {} }} }} }}", "id ".repeat(24_990)),
            &json!({}),
            &["200 OK"],
        ),
        attack(
            "10,000 unknown fields",
            &format!("{{ campaigns {{ nodes {{ {} }} }} }}", repeat(10_000, |n| format!("nam{n} "))),
            &json!({}),
            INVALID,
        ),
        attack("a large fragment spread 2,500 times", &spread, &json!({}), TOO_MUCH),
        attack("a large variable used by 1,000 fields", &look_up(&copies), &codes(20_000), TOO_MUCH),
        attack("a large variable 1,000 times in one list", &list, &json!({ "code": "A".repeat(200_000) }), TOO_MUCH),
        attack("2,000 operations", &operations, &json!({}), TOO_MUCH),
        attack("lists of 100 within each other", &lists, &json!({}), TOO_MUCH),
        attack("introspection of types of fields of types", &types, &json!({}), TOO_MUCH),
        attack("a name of 200 KB", &format!("{{ {} }}", "n".repeat(200_000)), &json!({}), TOO_MUCH),
    ];
    attacks.extend((10..=22).map(doubled));
    attacks
}

/// Malformed bodies, and documents that make a library panic.
pub fn odd() -> Vec<Attack> {
    let variables = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let nested = |levels: usize, expected| {
        let query = "query ($codes: [String!]!) { promotionCodes(codes: $codes, mode: DISCOUNT) { code } }";
        let body = format!("{{\"query\":{},\"variables\":{{\"codes\":{}}}}}", json!(query), variables(levels));
        Attack { name: format!("variables nested {levels} deep"), body, expected }
    };
    let raw = |name: &str, body: &str, expected| Attack { name: name.to_owned(), body: body.to_owned(), expected };
    vec![
        nested(100, &["200 BAD_USER_INPUT"]),
        nested(1_600, UNREADABLE),
        nested(20_000, UNREADABLE),
        nested(100_000, &["413"]),
        raw("the parameters in an array", " [\"{ __typename }\",null,null,null,null]", UNREADABLE),
        raw("a key twice", "{\"query\":\"{ __typename }\",\"query\":\"{ __typename }\"}", &["400", "200 OK"]),
        raw("a variable twice", "{\"query\":\"{ __typename }\",\"variables\":{\"a\":1,\"a\":2}}", &["400", "200 OK"]),
        raw("20,000 open brackets", &"[".repeat(20_000), UNREADABLE),
        raw("100,000 open brackets", &"[".repeat(100_000), &["413"]),
        attack(
            "a string of 1 MB",
            &format!("{{ campaign(id: \"{}\") {{ id }} }}", "x".repeat(1_000_000)),
            &json!({}),
            &["413"],
        ),
        attack(
            "a string of 200 KB",
            &format!("{{ campaign(id: \"{}\") {{ id }} }}", "x".repeat(200_000)),
            &json!({}),
            &["200 INVALID_INPUT"],
        ),
        attack("a string that does not end", "{ campaign(id: \"[[[[", &json!({}), &["200 GRAPHQL_PARSE_FAILED"]),
        attack("a default value of an unknown type", "query ($a: [Nope] = [1]) { __typename }", &json!({}), INVALID),
        attack("an empty document", "", &json!({}), &["200 GRAPHQL_PARSE_FAILED"]),
    ]
}

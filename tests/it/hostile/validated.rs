//! Hostile requests that are expensive to parse or to validate.

use serde_json::{Value, json};

use super::attacks::{Attack, INVALID, TOO_MUCH, attack, repeat};

/// Two equal fields with equal objects, whose `fields` fields are in opposite orders.
fn objects(fields: usize) -> String {
    let field = |fields: String| format!("_entities(representations: [{{ {fields} }}]) {{ __typename }} ");
    let [forward, backward] =
        [repeat(fields, |n| format!("a{n}: 1 ")), repeat(fields, |n| format!("a{}: 1 ", fields - 1 - n))];
    format!("{{ {} {} }}", field(forward), field(backward))
}

/// Values and fields that are compared with each other, or reported one by one.
pub fn compared() -> Vec<Attack> {
    vec![
        attack(
            "4,000 equal keys with arguments",
            &format!(
                "{{ campaigns(first: 1) {{ nodes {{ {} }} }} }}",
                "codes(first: 1) { nodes { code } } ".repeat(4_000)
            ),
            &json!({}),
            &["200 OK"],
        ),
        attack(
            "4,000 keys in conflict",
            &format!(
                "{{ campaigns {{ nodes {{ {} }} }} }}",
                repeat(4_000, |n| format!("codes(first: {n}) {{ nodes {{ code }} }} "))
            ),
            &json!({}),
            INVALID,
        ),
        attack(
            "50 operations that share 80 equal objects",
            &format!(
                "{} fragment f on Query {{ {} }}",
                repeat(50, |n| format!("query q{n} {{ ...f }} ")),
                format!(
                    "_entities(representations: [{{ {} }}]) {{ __typename }} ",
                    repeat(50, |n| format!("a{n}: 1 "))
                )
                .repeat(80)
            ),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "50 operations that share 49,000 wrong values",
            &format!(
                "{} fragment f on Mutation {{ linkPromotionCodes(input: [{}]) {{ error {{ code }} }} }}",
                repeat(50, |n| format!("mutation q{n} {{ ...f }} ")),
                "{}".repeat(49_000)
            ),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "45,000 wrong values",
            &format!("{{ promotionCodes(codes: [{}], mode: DISCOUNT) {{ code }} }}", "1 ".repeat(45_000)),
            &json!({}),
            INVALID,
        ),
        attack(
            "900 conflicts of 30,000 values",
            &format!(
                "{{ _entities(representations: [{}]) {{ __typename }} {} }}",
                "1 ".repeat(30_000),
                "_entities(representations: [2]) { __typename } ".repeat(900)
            ),
            &json!({}),
            INVALID,
        ),
        attack(
            "45,000 malformed representations",
            "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }",
            &json!({ "r": vec![1; 45_000] }),
            &["200 INVALID_INPUT"],
        ),
        attack(
            "120,000 malformed representations",
            "query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }",
            &json!({ "r": vec![1; 120_000] }),
            &["413"],
        ),
        attack("two equal objects of 12,000 fields", &objects(12_000), &json!({}), TOO_MUCH),
        attack("two equal objects of 50 fields", &objects(50), &json!({}), &["200 INVALID_INPUT"]),
        attack(
            "an input object with 50 fields of one name",
            &format!("mutation {{ linkPromotionCode(input: {{ {} }}) {{ id }} }}", "code: \"A\" ".repeat(50)),
            &json!({}),
            INVALID,
        ),
    ]
}

/// Long texts, and fragments and variables with many lookups.
pub fn looked_up() -> Vec<Attack> {
    vec![
        attack("99,000 open braces", &"{".repeat(99_000), &json!({}), &["200 GRAPHQL_PARSE_FAILED"]),
        attack("24,000 lists of objects", &format!("{{ a(b: {}", "[{a:".repeat(24_000)), &json!({}), TOO_MUCH),
        attack(
            "a long string that is spread 1,000 times",
            &format!(
                "{{ campaigns {{ nodes {{ {} }} }} }} fragment f on Campaign {{ codes(after: \"{}\") {{ nodes {{ code }} }} }}",
                repeat(1_000, |n| format!("a{n}: codes {{ nodes {{ campaign {{ ...f }} }} }} ")),
                "x".repeat(150_000)
            ),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "50 operations that share 15,000 uses of 180 variables",
            &format!(
                "{} fragment f on Query {{ promotionCodes(codes: [{}], mode: DISCOUNT) {{ code }} }}",
                repeat(50, |n| format!("query q{n}({}) {{ ...f }} ", repeat(180, |n| format!("$v{n}:ID!")))),
                repeat(15_000, |n| format!("$v{} ", n % 180))
            ),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "a chain of 3,000 fragments",
            &format!(
                "{{ ...f0 }} {} fragment f3000 on Query {{ __typename }}",
                repeat(3_000, |n| format!("fragment f{n} on Query {{ ...f{} }} ", n + 1))
            ),
            &json!({}),
            TOO_MUCH,
        ),
        attack(
            "3,000 fragments that are not used",
            &format!("{{ __typename }} {}", repeat(3_000, |n| format!("fragment f{n} on Query {{ __typename }} "))),
            &json!({}),
            INVALID,
        ),
        attack(
            "1,000 variables used 20,000 times",
            &format!(
                "query ({}) {{ promotionCodes(codes: [{}], mode: DISCOUNT) {{ code }} }}",
                repeat(1_000, |n| format!("$a{n}: String! ")),
                repeat(20_000, |n| format!("$a{} ", n % 1_000))
            ),
            &Value::Object((0..1_000).map(|n| (format!("a{n}"), json!("x"))).collect()),
            TOO_MUCH,
        ),
        attack(
            "45,000 errors of syntax",
            &format!("{{ {}", "a:".repeat(45_000)),
            &json!({}),
            &["200 GRAPHQL_PARSE_FAILED"],
        ),
    ]
}

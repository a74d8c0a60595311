//! Limits on the size of a document, before it is validated.

use serde_json::json;

use super::{excess, excess_in, repeat, schema};

/// Makes a document with this many of something.
type Document<'a> = &'a dyn Fn(usize) -> String;

#[test]
fn each_limit_permits_its_number_and_no_more() {
    let schema = schema();
    let brackets = |count: usize| format!("{{ a(b: {}1{}) }}", "[".repeat(count - 1), "]".repeat(count - 1));
    let selection_sets = |count: usize| format!("{}a{}", "{a".repeat(count), "}".repeat(count));
    let chain = |count: usize| {
        let link = |n| format!("fragment f{n} on A {{ ...f{} }} ", n + 1);
        format!("{{ ...f0 }} {} fragment f{} on A {{ a }}", repeat(count - 2, link), count - 2)
    };
    let fragment = |count: usize| format!("{{ {} }} fragment f on A {{ a: b @c }}", "...f ".repeat(count));
    let cases: [(&str, usize, Document); 12] = [
        ("fields in one input object", 50, &|count| {
            format!("{{ a(b: {{ {} }}) }}", repeat(count, |n| format!("a{n}: 1 ")))
        }),
        ("nested selection sets", 64, &brackets),
        // White space follows each number, and the end of the text is a token too.
        ("tokens", 100_000, &|count| {
            format!("{{ a(b:{}[{}]) }}", " ".repeat(count % 2), "1 ".repeat((count - 12) / 2))
        }),
        ("bytes in one name", 256, &|count| format!("{{ {} }}", "a".repeat(count))),
        ("operations", 50, &|count| repeat(count, |n| format!("query q{n} {{ a }} "))),
        ("variables in one operation", 1_000, &|count| {
            format!("query ({}) {{ a }}", repeat(count, |n| format!("$a{n}: Int ")))
        }),
        ("selections", 25_000, &|count| format!("{{ a {{ {} }} }}", "a ".repeat(count - 1))),
        ("nested selection sets", 32, &selection_sets),
        ("nested selection sets", 32, &chain),
        ("fields at the root of one operation", 1_000, &fragment),
        ("aliases", 2_000, &|count| format!("{{ a {{ {} }} }}", "a: b ".repeat(count))),
        ("directives", 2_000, &|count| format!("{{ a {} }}", "@a ".repeat(count))),
    ];
    for (what, limit, document) in cases {
        assert_eq!(excess_in(&schema, &document(limit), json!({})), None, "{limit} {what}");
        assert_eq!(excess_in(&schema, &document(limit + 1), json!({})).as_deref(), Some(what), "{} {what}", limit + 1);
    }
}

#[test]
fn fragments_count_at_each_spread() {
    let doubled = |levels: usize| {
        let double = |n| format!("fragment f{n} on A {{ ...f{m} ...f{m} }} ", m = n + 1);
        format!("{{ ...f0 }} {} fragment f{levels} on A {{ a }}", repeat(levels, double))
    };
    assert_eq!(excess(&doubled(9), json!({})), None);
    for levels in [13, 22, 28] {
        let what = excess(&doubled(levels), json!({}));
        assert_eq!(what.as_deref(), Some("fields at the root of one operation"), "{levels}");
    }
    let spreads = |fields: &str| format!("{{ a {{ {} }} }} fragment f on A {{ {fields} }}", "b { ...f }".repeat(1_000));
    assert_eq!(excess(&spreads(&"c ".repeat(20)), json!({})), None);
    assert_eq!(excess(&spreads(&"c ".repeat(30)), json!({})).as_deref(), Some("selections"));
}

#[test]
fn argument_values_and_variables_of_fragments_count_at_each_spread() {
    let schema = schema();
    let document = |text: usize, spreads: usize| {
        format!(
            "{{ campaigns {{ nodes {{ {} }} }} }} fragment f on Campaign {{ codes(after: \"{}\") {{ pageInfo {{ endCursor }} }} }}",
            repeat(spreads, |n| format!("a{n}: codes {{ nodes {{ campaign {{ ...f }} }} }} ")),
            "x".repeat(text)
        )
    };
    assert_ne!(excess_in(&schema, &document(100, 1_000), json!({})).as_deref(), Some("values in arguments"));
    let values = excess_in(&schema, &document(100_000, 1_000), json!({}));
    assert_eq!(values.as_deref(), Some("values in arguments"));
    let uses = |variables: usize, operations: usize, uses: usize| {
        let define = repeat(variables, |n| format!("$v{n}: String! "));
        let operations = repeat(operations, |n| format!("query q{n}({define}) {{ ...f }} "));
        let uses = repeat(uses, |n| format!("$v{} ", n % variables));
        format!("{operations} fragment f on Query {{ promotionCodes(codes: [{uses}], mode: DISCOUNT) {{ code }} }}")
    };
    assert_eq!(excess_in(&schema, &uses(500, 5, 2_000), json!({})), None);
    let lookups = excess_in(&schema, &uses(500, 6, 2_000), json!({}));
    assert_eq!(lookups.as_deref(), Some("lookups of variables (uses times variables of the operation)"));
}

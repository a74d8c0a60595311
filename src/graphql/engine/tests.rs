//! What is rejected and what is not: each limit by itself, and documents that clients do send.

mod grammar;
mod properties;

use apollo_compiler::{Schema, validation::Valid};
use async_graphql::{
    SDLExportOptions, Value as Constant,
    parser::{
        parse_schema,
        types::{BaseType, TypeKind, TypeSystemDefinition},
    },
};
use serde_json::{Value, json};

use super::{
    DocumentLimits, Documents, RequestError, Validator, VariableValues, cost, normalization, type_system_of, variables,
};
use crate::graphql::{executable_schema, sdl, sdl_text};

const INTROSPECTION: &str = include_str!("../../../tests/it/hostile/introspection.graphql");

fn schema() -> Valid<Schema> {
    let sdl = sdl_text(&executable_schema().finish(), SDLExportOptions::new());
    type_system_of(&sdl)
}

/// The cost of a request for the only operation of a document.
fn prepare(schema: &Valid<Schema>, text: &str, values: Value, limits: &DocumentLimits) -> Result<usize, RequestError> {
    let document = Validator::new(schema, limits, None).validate(text)?;
    let (operation, _) = document.operation(None)?;
    let values: VariableValues = serde_json::from_value(values).unwrap();
    let values = variables::coerce(schema, operation, &values)?;
    let normalized = normalization::normalize(schema, document.executable(), operation, Some(&values)).unwrap();
    cost::cost(&normalized, &variables::into_values(values), limits).map(cost::Amount::cost)
}

/// What a request has too much of, by the default limits.
fn excess(text: &str, variables: Value) -> Option<String> {
    excess_in(&schema(), text, variables)
}

fn excess_in(schema: &Valid<Schema>, text: &str, variables: Value) -> Option<String> {
    let error = prepare(schema, text, variables, &DocumentLimits::default()).err()?.errors.remove(0);
    let exceeded = error.extensions.as_ref().is_some_and(
        |extensions| matches!(extensions.get("code"), Some(Constant::Enum(code)) if code == "LIMIT_EXCEEDED"),
    );
    let what = error.message.strip_prefix("The document has more than ").filter(|_| exceeded)?;
    let what = what.split_once(' ').unwrap().1.trim_end_matches('.');
    Some(what.split(',').next().unwrap().to_owned())
}

fn repeat(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

/// A document that has this many of something.
type Document<'a> = &'a dyn Fn(usize) -> String;

#[test]
fn each_limit_permits_as_much_as_it_says_and_no_more() {
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
        // Each number has white space behind it; the end of the text is a token, too.
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
fn doubled_fragments_are_counted_wherever_they_are_spread() {
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
fn variables_count_wherever_they_are_used() {
    let values = Some("values to read and return".to_owned());
    let codes = |count: usize| json!({ "codes": vec!["A"; count] });
    let look_up = "promotionCodes(codes: $codes, mode: DISCOUNT) { code }";
    let aliased =
        |count| format!("query ($codes: [String!]!) {{ {} }}", repeat(count, |n| format!("a{n}: {look_up} ")));
    assert_eq!(excess(&aliased(1), codes(500)), None);
    assert_eq!(excess(&aliased(200), codes(500)), None);
    assert_eq!(excess(&aliased(600), codes(500)), values);
    let within = |count| {
        format!(
            "query ($code: String!) {{ promotionCodes(codes: [{}], mode: DISCOUNT) {{ code }} }}",
            "$code ".repeat(count)
        )
    };
    assert_eq!(excess(&within(1_000), json!({ "code": "x".repeat(10_000) })), None);
    assert_eq!(excess(&within(1_000), json!({ "code": "x".repeat(40_000) })), values);
    let default = format!(
        "query ($codes: [String!]! = [{}]) {{ {} }}",
        "\"A\" ".repeat(500),
        repeat(600, |n| format!("a{n}: {look_up} "))
    );
    assert_eq!(excess(&default, json!({})), values);
    // A cursor of 200 KB is read for each of 10,000 codes.
    let cursor = "query ($after: String) { campaigns(first: 100) { nodes { codes(first: 100) { nodes {
        promotions(first: 1, after: $after) { nodes { id } } } } } } }";
    assert_eq!(excess(cursor, json!({ "after": "x".repeat(64) })), None);
    assert_eq!(excess(cursor, json!({ "after": "x".repeat(200_000) })), values);
}

#[test]
fn lists_within_lists_count_for_every_row() {
    let schema = schema();
    let pages = |first: &str, definition: &str| {
        format!("query {definition} {{ campaigns({first}) {{ nodes {{ codes({first}) {{ edges {{ node {{ ...c }} }} }} }} }} }}
            fragment c on PromotionCode {{ promotions({first}) {{ ...p }} }}
            fragment p on PromotionConnection {{ nodes {{ id }} }}")
    };
    for (first, variables, is_too_much) in [
        ("first: 70", json!({}), true),
        ("first: 30", json!({}), false),
        ("after: null", json!({}), false),
        ("first: null", json!({}), false),
        ("first: $first", json!({}), true),
        ("first: $first", json!({ "first": 20 }), false),
        ("first: $first", json!({ "first": 100 }), true),
        // The field rejects this.
        ("first: $first", json!({ "first": -1 }), false),
        ("first: $first", json!({ "first": 2_147_483_647 }), true),
    ] {
        let definition = if first.contains('$') { "($first: Int = 100)" } else { "" };
        let excess = excess_in(&schema, &pages(first, definition), variables.clone());
        assert_eq!(excess.is_some(), is_too_much, "{first} {variables}");
    }
    let introspection = |levels| {
        format!("{{ __schema {{ types {{ {}name{} }} }} }}", "fields { type { ".repeat(levels), " } }".repeat(levels))
    };
    assert_eq!(excess(&introspection(2), json!({})), None);
    assert!(excess(&introspection(5), json!({})).is_some());
}

#[test]
fn long_answers_to_short_documents_count() {
    let schema = schema();
    let values = Some("values to read and return".to_owned());
    let sdl = |count| format!("{{ _service {{ {} }} }}", repeat(count, |n| format!("a{n}: sdl ")));
    assert_eq!(excess_in(&schema, &sdl(1), json!({})), None);
    assert_eq!(excess_in(&schema, &sdl(1_000), json!({})), values);
    let names = |count| {
        let fields = repeat(count, |n| format!("n{n}: promotionName "));
        format!(
            "{{ campaigns(first: 100) {{ nodes {{ codes(first: 10) {{ nodes {{ promotions(first: 10) {{ nodes {{ {fields} }} }} }} }} }} }} }}"
        )
    };
    assert_eq!(excess_in(&schema, &names(2), json!({})), None);
    assert_eq!(excess_in(&schema, &names(4), json!({})), values);
    let keys = |length: usize| {
        let fields = repeat(200, |n| format!("{}{n:03}: code ", "k".repeat(length - 3)));
        format!("{{ campaigns(first: 100) {{ nodes {{ codes(first: 10) {{ nodes {{ {fields} }} }} }} }} }}")
    };
    assert_eq!(excess_in(&schema, &keys(8), json!({})), None);
    assert_eq!(excess_in(&schema, &keys(256), json!({})), values);
    let generate = |input: &str, count| {
        let field = |n| format!("g{n}: generatePromotionCodes(input: {input}) {{ codes }} ");
        repeat(count, field)
    };
    let by_count = |count| format!("mutation ($n: Int!) {{ {} }}", generate("{ campaignId: \"x\", count: $n }", count));
    assert_eq!(excess_in(&schema, &by_count(40), json!({ "n": 10_000 })), None);
    assert_eq!(excess_in(&schema, &by_count(60), json!({ "n": 10_000 })), values);
    let by_input = format!("mutation ($n: GeneratePromotionCodesInput!) {{ {} }}", generate("$n", 60));
    assert_eq!(excess_in(&schema, &by_input, json!({ "n": { "campaignId": "x", "count": 10_000 } })), values);
}

#[test]
fn the_selections_of_a_union_count_once() {
    let schema = schema();
    let entities = "query($r: [_Any!]!) { _entities(representations: $r) { __typename
        ... on Customer { id promotions(first: 100) { nodes { code } } } ... on Campaign { id } } }";
    let representations = |count: usize| json!({ "r": vec![json!({ "__typename": "Customer", "id": 1 }); count] });
    assert_eq!(excess_in(&schema, entities, representations(1_000)), None);
    assert!(excess_in(&schema, entities, representations(5_000)).is_some());
}

#[test]
fn what_clients_send_is_within_the_limits() {
    let schema = schema();
    assert_eq!(excess_in(&schema, INTROSPECTION, json!({})), None);
    // The number of levels that later versions can be told to ask for.
    let deep = |levels| format!("{}kind{}", "ofType { ".repeat(levels), " }".repeat(levels));
    let deeper = INTROSPECTION.replace("ofType {\n    kind", &format!("{} ofType {{\n kind", deep(15)));
    assert_eq!(excess_in(&schema, &deeper, json!({})), None);
    let promotion =
        "{ id orgId promotionId promotionName code customerId active createdOn validTill mode redeemableFrom state }";
    let link = |n| {
        format!("l{n}: linkPromotionCode(input: {{ customerId: {n}, code: \"C-{n}\", mode: DISCOUNT }}) {promotion} ")
    };
    let links = format!("mutation {{ {} }}", repeat(1_000, link));
    assert!(prepare(&schema, &links, json!({}), &DocumentLimits::default()).is_ok());
    let links = format!(
        "mutation ($input: [LinkPromotionCodeInput!]!) {{ linkPromotionCodes(input: $input) {{ promotion {promotion} error {{ code }} }} }}"
    );
    let input = json!({ "customerId": 1, "code": "C", "mode": "DISCOUNT" });
    let links = prepare(&schema, &links, json!({ "input": vec![input; 500] }), &DocumentLimits::default());
    assert!(links.is_ok(), "{links:?}");
}

#[test]
fn what_is_copied_and_looked_up_counts_wherever_a_fragment_is_spread() {
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
    assert_eq!(
        excess_in(&schema, &uses(500, 6, 2_000), json!({})).as_deref(),
        Some("look-ups of variables: uses times variables")
    );
}

#[test]
fn the_largest_document_is_cached() {
    let (schema, limits) = (schema(), DocumentLimits::default());
    let documents = Documents::new(super::TRUSTED_BYTES);
    let text = format!("{{ campaign(id: \"{}\") {{ id }} }}", "x".repeat(190_000));
    let validate = |text: &str| Validator::new(&schema, &limits, None).validate(text);
    assert!(documents.get_or_insert(&text, validate).is_ok());
    assert!(documents.get_or_insert(&text, |_| panic!("it is validated again")).is_ok());
}

#[test]
fn every_list_of_the_schema_is_one_whose_length_is_known() {
    for definition in parse_schema(sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeKind::Object(object) = &definition.node.kind else { continue };
        for field in &object.fields {
            let (name, ty) = (&field.node.name.node, &field.node.ty.node);
            let is_given = |argument: &str| field.node.arguments.iter().any(|has| has.node.name.node == argument);
            let takes_list = field.node.arguments.iter().any(|has| matches!(has.node.ty.node.base, BaseType::List(_)));
            let text = ty.to_string();
            let is_leaf = text.contains("String");
            let known = match ty.base {
                BaseType::List(_) => ["nodes", "edges"].contains(&name.as_str()) || takes_list || is_leaf,
                BaseType::Named(_) => is_given("first") || !text.contains("Connection"),
            };
            assert!(known, "{}.{name}: {text}", definition.node.name.node);
        }
    }
}

//! The limit on the values that an operation reads and returns.

use std::collections::HashSet;

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, TypeKind, TypeSystemDefinition},
};
use serde_json::json;

use super::{excess, excess_in, repeat, schema};
use crate::graphql::{engine::cost::field_weights::LOOKUP_FIELDS, sdl, types::LOOKUP_WEIGHT};

#[test]
fn variables_count_at_each_use() {
    let values = Some("values to read and return if every page is full".to_owned());
    let codes = |count: usize| json!({ "codes": vec!["A"; count] });
    let lookup = "promotionCodes(codes: $codes, mode: DISCOUNT) { code }";
    let aliased = |count| format!("query ($codes: [String!]!) {{ {} }}", repeat(count, |n| format!("a{n}: {lookup} ")));
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
        repeat(600, |n| format!("a{n}: {lookup} "))
    );
    assert_eq!(excess(&default, json!({})), values);
    // A cursor of 200 KB is read for each of 10,000 codes.
    let cursor = "query ($after: String) { campaigns(first: 100) { nodes { codes(first: 100) { nodes {
        promotions(first: 1, after: $after) { nodes { id } } } } } } }";
    assert_eq!(excess(cursor, json!({ "after": "x".repeat(64) })), None);
    assert_eq!(excess(cursor, json!({ "after": "x".repeat(200_000) })), values);
}

#[test]
fn nested_lists_count_for_each_row() {
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
        // The field rejects negative numbers.
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
fn long_texts_and_generated_codes_count() {
    let schema = schema();
    let values = Some("values to read and return if every page is full".to_owned());
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
    let urls = |count| format!("{{ webhookEndpoints {{ {} }} }}", repeat(count, |n| format!("u{n}: url ")));
    assert_eq!(excess_in(&schema, &urls(100), json!({})), None);
    assert_eq!(excess_in(&schema, &urls(2_000), json!({})), values);
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
fn only_the_most_expensive_member_of_a_union_counts() {
    let schema = schema();
    let entities = "query($r: [_Any!]!) { _entities(representations: $r) { __typename
        ... on Customer { id promotions(first: 100) { nodes { code } } } ... on Campaign { id } } }";
    let representations = |count: usize| json!({ "r": vec![json!({ "__typename": "Customer", "id": 1 }); count] });
    assert_eq!(excess_in(&schema, entities, representations(1_000)), None);
    assert!(excess_in(&schema, entities, representations(5_000)).is_some());
}

/// `@cost` and `@listSize` tell gateways the same.
#[test]
fn lookups_and_lists_have_directives_for_gateways() {
    let (mut lookups, mut lists) = (HashSet::new(), 0);
    for definition in parse_schema(sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeKind::Object(object) = &definition.node.kind else { continue };
        for field in &object.fields {
            let (name, ty) = (field.node.name.node.as_str(), field.node.ty.node.to_string());
            let place = format!("{}.{name}", definition.node.name.node);
            let directive = |name| field.node.directives.iter().find(|directive| directive.node.name.node == name);
            let weight = directive("cost").map(|cost| cost.node.get_argument("weight").unwrap().node.to_string());
            if let Some(weight) = weight {
                assert_eq!(weight, LOOKUP_WEIGHT.to_string(), "{place}");
                lookups.insert(name.to_owned());
            }
            let is_leaf = ["String", "EventType"].iter().any(|leaf| ty.contains(leaf));
            let is_list = !["nodes", "edges"].contains(&name) && !is_leaf && ty.contains('[');
            let size = directive("listSize").map(|size| size.node.clone());
            assert_eq!(size.is_some(), is_list || ty.contains("Connection"), "{place}");
            let Some(size) = size else { continue };
            lists += 1;
            let slices = size.get_argument("slicingArguments").is_some();
            assert_eq!(slices, ty.contains("Connection"), "{place}");
            assert_eq!(slices, size.get_argument("assumedSize").is_none(), "{place}");
        }
    }
    let known: HashSet<_> = LOOKUP_FIELDS.map(ToOwned::to_owned).into();
    assert_eq!(&known - &lookups, HashSet::from(["_entities".to_owned()]));
    assert_eq!(&lookups - &known, HashSet::new());
    assert!(lists > 10, "{lists} lists");
}

#[test]
fn the_length_of_each_list_of_the_schema_is_known() {
    for definition in parse_schema(sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let TypeKind::Object(object) = &definition.node.kind else { continue };
        for field in &object.fields {
            let (name, ty) = (&field.node.name.node, &field.node.ty.node);
            let is_given = |argument: &str| field.node.arguments.iter().any(|has| has.node.name.node == argument);
            let takes_list = field.node.arguments.iter().any(|has| matches!(has.node.ty.node.base, BaseType::List(_)));
            let text = ty.to_string();
            let is_leaf = ["String", "EventType"].iter().any(|leaf| text.contains(leaf));
            let known = match ty.base {
                BaseType::List(_) => {
                    ["nodes", "edges", "webhookEndpoints", "metadata"].contains(&name.as_str()) || takes_list || is_leaf
                }
                BaseType::Named(_) => is_given("first") || !text.contains("Connection"),
            };
            assert!(known, "{}.{name}: {text}", definition.node.name.node);
        }
    }
}

//! Limits of documents, and documents of real clients, which the limits permit.

mod cost;
mod document_size;
mod grammar;
mod properties;

use apollo_compiler::{Schema, validation::Valid};
use async_graphql::{SDLExportOptions, Value as Constant};
use serde_json::{Value, json};

use super::{
    DocumentCache, DocumentLimits, InvalidLimit, RequestError, VariableValues, normalized_operation, type_system_of,
    validation::Validator, variables,
};
use crate::graphql::{executable_schema, sdl_text};

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
    let normalized = normalized_operation::normalize(schema, document.executable(), operation, Some(&values)).unwrap();
    super::cost::measure(&normalized, &variables::into_values(values), limits).map(super::cost::Amount::cost)
}

/// The noun of the default limit that a request exceeds, up to its first comma.
fn excess(text: &str, variables: Value) -> Option<String> {
    excess_in(&schema(), text, variables)
}

fn excess_in(schema: &Valid<Schema>, text: &str, variables: Value) -> Option<String> {
    let error = prepare(schema, text, variables, &DocumentLimits::default()).err()?.errors.remove(0);
    let exceeded = error.extensions.as_ref().is_some_and(
        |extensions| matches!(extensions.get("code"), Some(Constant::Enum(code)) if code == "LIMIT_EXCEEDED"),
    );
    let limit = error.message.strip_prefix("The limit is ").filter(|_| exceeded)?;
    let (_, noun) = limit.split_once(' ').unwrap();
    Some(noun.split(',').next().unwrap().to_owned())
}

fn repeat(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

#[test]
fn documents_of_clients_are_within_the_limits() {
    let schema = schema();
    assert_eq!(excess_in(&schema, INTROSPECTION, json!({})), None);
    // Later versions of clients can request this many levels.
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
fn the_largest_document_is_cached() {
    let (schema, limits) = (schema(), DocumentLimits::default());
    let cache = DocumentCache::new(super::TRUSTED_BYTES);
    let text = format!("{{ campaign(id: \"{}\") {{ id }} }}", "x".repeat(190_000));
    let validate = |text: &str| Validator::new(&schema, &limits, None).validate(text);
    assert!(cache.get_or_insert(&text, validate).is_ok());
    assert!(cache.get_or_insert(&text, |_| panic!("it is validated again")).is_ok());
}

#[test]
fn an_exceeded_limit_is_reported_with_its_number_and_advice() {
    let schema = schema();
    let message = |text: &str| {
        let error = prepare(&schema, text, json!({}), &DocumentLimits::default()).unwrap_err();
        error.errors[0].message.clone()
    };
    assert_eq!(
        message(&repeat(51, |n| format!("query q{n} {{ __typename }} "))),
        "The limit is 50 operations, but the document has 51: send only the operation to execute, with its fragments."
    );
    assert_eq!(
        message(&"{a".repeat(100)),
        "The limit is 64 nested selection sets, lists and objects, but the document has more: select fewer levels."
    );
}

#[test]
fn limits_are_set_by_name() {
    let mut limits = DocumentLimits::default();
    limits.set("root-fields = 7").unwrap();
    limits.set("depth=32").unwrap();
    assert_eq!((limits.root_fields, limits.depth), (7, 32));
    let depth = InvalidLimit::OutOfRange { name: "depth".to_owned(), max: 32 };
    assert_eq!(limits.set("depth=33"), Err(depth));
    assert_eq!(limits.set("size=33"), Err(InvalidLimit::UnknownName("size".to_owned())));
    assert_eq!(limits.set("depth"), Err(InvalidLimit::NotASetting));
}

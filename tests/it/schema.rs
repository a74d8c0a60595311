//! The public schema: `schema.graphql` is current, and keeps the contract.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition},
};

/// Names in the contract that this version does not have yet.
const PENDING: [&str; 0] = [];

#[test]
fn schema_graphql_is_current() {
    let current = promolink::graphql::sdl();
    let committed = include_str!("../../schema.graphql");
    assert!(current == committed, "schema.graphql is outdated; update it with: cargo run -- schema > schema.graphql");
}

#[test]
fn the_schema_keeps_the_contract() {
    let schema = shapes(&promolink::graphql::sdl());
    let contract = shapes(include_str!("contract.graphql"));
    assert!(contract.len() > 50, "the contract has too few names");
    let broken: Vec<String> = contract
        .iter()
        .filter(|(name, shape)| schema.get(*name) != Some(shape) && !is_pending(name))
        .map(|(name, shape)| format!("{name}: {shape}, not {:?}", schema.get(name)))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    for pending in PENDING {
        assert!(contract.contains_key(pending) && !schema.contains_key(pending), "{pending} is not pending");
    }
}

/// Whether a name, or what it is part of, is pending.
fn is_pending(name: &str) -> bool {
    PENDING
        .iter()
        .any(|pending| name.strip_prefix(pending).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Every type, field, argument and value of a schema by its full name, with its kind or type and default.
fn shapes(sdl: &str) -> BTreeMap<String, String> {
    let mut shapes = BTreeMap::new();
    for definition in parse_schema(sdl).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.to_string();
        let kind = match &definition.node.kind {
            TypeKind::Scalar => "scalar",
            TypeKind::Object(object) => {
                for field in &object.fields {
                    add_field(&mut shapes, &name, &field.node);
                }
                "type"
            }
            TypeKind::Enum(values) => {
                for value in &values.values {
                    shapes.insert(format!("{name}.{}", value.node.value.node), "value".to_owned());
                }
                "enum"
            }
            TypeKind::InputObject(input) => {
                for field in &input.fields {
                    add_input(&mut shapes, &name, &field.node);
                }
                "input"
            }
            TypeKind::Interface(_) => "interface",
            TypeKind::Union(_) => "union",
        };
        shapes.insert(name, kind.to_owned());
    }
    shapes
}

fn add_field(shapes: &mut BTreeMap<String, String>, parent: &str, field: &FieldDefinition) {
    let name = format!("{parent}.{}", field.name.node);
    for argument in &field.arguments {
        add_input(shapes, &name, &argument.node);
    }
    shapes.insert(name, field.ty.node.to_string());
}

fn add_input(shapes: &mut BTreeMap<String, String>, parent: &str, input: &InputValueDefinition) {
    let default = input.default_value.as_ref().map(|value| format!(" = {}", value.node)).unwrap_or_default();
    shapes.insert(format!("{parent}.{}", input.name.node), format!("{}{default}", input.ty.node));
}

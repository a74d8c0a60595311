//! The public schema: `schema.graphql` is current, conforms to the contract and describes everything.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{
        DirectiveDefinition, FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};

/// Names of the contract that this version does not have yet.
const PENDING: [&str; 0] = [];

#[test]
fn schema_graphql_is_current() {
    let current = promolink::graphql::sdl();
    let committed = include_str!("../../schema.graphql");
    assert!(current == committed, "schema.graphql is outdated; update it with: cargo run -- schema > schema.graphql");
}

#[test]
fn the_schema_conforms_to_the_contract() {
    let schema = shapes(&promolink::graphql::sdl());
    let contract = shapes(include_str!("contract.graphql"));
    assert!(contract.len() > 50, "the contract has too few names: {}", contract.len());
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

/// Whether a name, or the name that it is part of, is pending.
fn is_pending(name: &str) -> bool {
    PENDING
        .iter()
        .any(|pending| name.strip_prefix(pending).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Introspection does not show directives, so that only the description says who may select a field.
#[test]
fn the_description_of_each_field_ends_with_its_access() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (object, field) in object_fields(&promolink::graphql::sdl()) {
        let role = access(&field);
        let description = one_line(field.description.as_ref().map_or("", |text| &text.node));
        let expected = role.as_deref().map(|role| match role {
            "ADMIN" => "Access: admin.".to_owned(),
            role => format!("Access: {} and above.", role.to_lowercase()),
        });
        let stated = description.find("Access:").map(|start| description[start..].to_owned());
        checked += usize::from(role.is_some());
        if stated != expected {
            wrong.push(format!("{object}.{}: {stated:?}, not {expected:?}", field.name.node));
        }
    }
    assert!(checked > 60, "{checked}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_type_field_argument_and_value_has_a_description() {
    let mut missing = Vec::new();
    let mut check = |name: String, description: Option<&str>| {
        if description.is_none_or(|text| !text.trim_end().ends_with(['.', '>'])) {
            missing.push(name);
        }
    };
    for definition in parse_schema(promolink::graphql::sdl()).unwrap().definitions {
        let (name, description, kind) = match definition {
            TypeSystemDefinition::Type(definition) => {
                let TypeDefinition { name, description, kind, .. } = definition.node;
                (name.node.to_string(), description, Some(kind))
            }
            TypeSystemDefinition::Directive(definition) => {
                let DirectiveDefinition { name, description, .. } = definition.node;
                (format!("@{}", name.node), description, None)
            }
            // async-graphql can't describe it.
            TypeSystemDefinition::Schema(_) => continue,
        };
        check(name.clone(), description.as_ref().map(|text| text.node.as_str()));
        match kind {
            Some(TypeKind::Enum(values)) => values.values.iter().for_each(|value| {
                let description = value.node.description.as_ref().map(|text| text.node.as_str());
                check(format!("{name}.{}", value.node.value.node), description);
            }),
            Some(TypeKind::InputObject(input)) => input.fields.iter().for_each(|field| {
                let description = field.node.description.as_ref().map(|text| text.node.as_str());
                check(format!("{name}.{}", field.node.name.node), description);
            }),
            _ => {}
        }
    }
    for (object, field) in object_fields(&promolink::graphql::sdl()) {
        // async-graphql describes the fields of lists.
        if access(&field).is_none() {
            continue;
        }
        let name = format!("{object}.{}", field.name.node);
        for argument in &field.arguments {
            let description = argument.node.description.as_ref().map(|text| text.node.as_str());
            check(format!("{name}({})", argument.node.name.node), description);
        }
        check(name, field.description.as_ref().map(|text| text.node.as_str()));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The fields of the object types of a schema, each with the name of its type.
fn object_fields(sdl: &str) -> Vec<(String, FieldDefinition)> {
    let mut fields = Vec::new();
    for definition in parse_schema(sdl).unwrap().definitions {
        if let TypeSystemDefinition::Type(definition) = definition
            && let TypeKind::Object(object) = definition.node.kind
        {
            let name = definition.node.name.node.to_string();
            fields.extend(object.fields.into_iter().map(|field| (name.clone(), field.node)));
        }
    }
    fields
}

/// The role that a field states by `@access`.
fn access(field: &FieldDefinition) -> Option<String> {
    let directive = field.directives.iter().find(|directive| directive.node.name.node == "access")?;
    Some(directive.node.get_argument("role")?.node.to_string())
}

/// A description without its line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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

//! The roles that may select each field: taken from the schema, verified on a server, and compared with
//! docs/credentials.md.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt::Write,
};

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition},
};
use serde_json::Value;

use crate::support::{Database, ORG, Server, code_of, issuer};

const ROLES: [&str; 4] = ["STOREFRONT", "CUSTOMER", "SERVICE", "ADMIN"];

#[test]
fn every_field_declares_its_access() {
    let mut silent = Vec::new();
    for (type_name, fields) in Schema::read().objects {
        let parts: &[&str] = match type_name.as_str() {
            "PageInfo" => &["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"],
            name if name.ends_with("Connection") => &["edges", "nodes", "pageInfo"],
            name if name.ends_with("Edge") => &["node", "cursor"],
            _ => &[],
        };
        let names = fields.iter().filter(|field| role_of(field).is_none()).map(|field| field.name.node.as_str());
        silent.extend(names.filter(|name| !parts.contains(name)).map(|name| format!("{type_name}.{name}")));
    }
    assert!(silent.is_empty(), "fields without `access`, which no role may select: {silent:?}");
}

#[test]
fn documented_access_matches_the_schema() {
    let table = table();
    println!("{table}");
    let page = include_str!("../../docs/credentials.md");
    assert!(page.contains(&table), "docs/credentials.md lacks the current table, which is:\n{table}");
}

/// A Markdown table of the fields, grouped by the least role that may select them.
fn table() -> String {
    let mut table = "| fields | storefront | customer | service | admin |\n|---|---|---|---|---|\n".to_owned();
    let mut objects: Vec<_> = Schema::read().objects.into_iter().collect();
    objects.sort_by_key(|(name, _)| (!matches!(name.as_str(), "Query" | "Mutation"), name.clone()));
    for (type_name, fields) in objects {
        for least in 0..ROLES.len() {
            let of_role: Vec<_> = fields.iter().filter(|field| role_of(field) == Some(least)).collect();
            if of_role.is_empty() {
                continue;
            }
            let names = if of_role.len() == fields.len() && type_name != "Query" && type_name != "Mutation" {
                "all fields".to_owned()
            } else {
                let names: Vec<_> = of_role.iter().map(|field| format!("`{}`", field.name.node)).collect();
                names.join(", ")
            };
            let cells: String = (0..ROLES.len()).map(|role| if role >= least { " yes |" } else { " |" }).collect();
            writeln!(table, "| `{type_name}`: {names} |{cells}").unwrap();
        }
    }
    table
}

/// Selects every field as every role, by the shortest path to the field.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_is_forbidden_only_to_roles_below_its_own() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(
        &database,
        &[&issuer::VARIABLES[..], &[("PROMOLINK_LIMITS", "customer.operations=none")]].concat(),
    );
    let callers = [
        server.caller(&database.key(ORG, "storefront")),
        server.caller(&issuer::token(ORG, 1)),
        server.caller(&database.key(ORG, "service")),
        server.caller(&database.key(ORG, "admin")),
    ];
    let schema = Schema::read();
    let ways = schema.shortest_paths();
    let mut refused = [0; 4];
    for (type_name, fields) in &schema.objects {
        for field in fields {
            let mut way = ways[type_name].clone();
            way.push((type_name.clone(), field));
            for (role, caller) in callers.iter().enumerate() {
                let first_forbidden = way.iter().find(|(_, field)| role_of(field).is_some_and(|least| role < least));
                let document = schema.document(&way);
                let response = caller.execute(&document, Value::Null).await;
                let errors = response["errors"].as_array().cloned().unwrap_or_default();
                let told = errors.iter().find(|error| error["extensions"]["code"] == "FORBIDDEN");
                let told = told.map(|error| error["extensions"]["field"].as_str().unwrap().to_owned());
                let expected = first_forbidden.map(|(name, field)| format!("{name}.{}", field.name.node));
                assert_eq!(told, expected, "{}: {document}\n{response:#}", ROLES[role]);
                if expected.is_some() {
                    assert_eq!(response["data"], Value::Null, "nothing was executed");
                    refused[role] += 1;
                }
                let invalid = errors.iter().any(|error| error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED");
                assert!(!invalid, "{document}\n{response:#}");
            }
        }
    }
    assert!(refused[0] > refused[1] && refused[1] > refused[2] && refused[2] > refused[3], "{refused:?}");
    assert_eq!(refused[3], 0, "an admin may select every field");
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_and_fragments_do_not_lead_to_forbidden_fields() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[]);
    let storefront = server.caller(&database.key(ORG, "storefront"));
    let admin = server.caller(&database.key(ORG, "admin"));
    for document in [
        "{ c: campaigns { nodes { id } } }",
        "{ ... { campaigns { nodes { id } } } }",
        "{ ... on Query { ... @include(if: false) { campaigns { nodes { id } } } } }",
        "query A { __typename } query B { campaigns { nodes { id } } }",
        "query B { ...f } fragment f on Query { ...g } fragment g on Query { campaigns { nodes { id } } }",
    ] {
        let body = serde_json::json!({ "query": document, "operationName": document.contains(" B ").then_some("B") });
        // The admin's request puts the document into the cache.
        assert_eq!(code_of(&admin.post(&body).await), "OK", "{document}");
        let response = storefront.post(&body).await;
        let error = &response["errors"][0]["extensions"];
        assert_eq!((&error["code"], &error["field"]), (&"FORBIDDEN".into(), &"Query.campaigns".into()), "{document}");
    }
    let ring =
        "query B { ...f ...g } fragment f on Query { ...g } fragment g on Query { ...f campaigns { nodes { id } } }";
    assert_eq!(code_of(&storefront.execute(ring, Value::Null).await), "GRAPHQL_VALIDATION_FAILED");
}

struct Schema {
    objects: BTreeMap<String, Vec<FieldDefinition>>,
    inputs: HashMap<String, Vec<InputValueDefinition>>,
    enums: HashMap<String, String>,
}

/// Nested fields, from the root down, each with the name of its parent type.
type Way<'a> = Vec<(String, &'a FieldDefinition)>;

impl Schema {
    fn read() -> Self {
        let mut schema = Self { objects: BTreeMap::new(), inputs: HashMap::new(), enums: HashMap::new() };
        for definition in parse_schema(promolink::graphql::sdl()).unwrap().definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Object(object) => {
                    schema.objects.insert(name, object.fields.into_iter().map(|field| field.node).collect());
                }
                TypeKind::InputObject(input) => {
                    schema.inputs.insert(name, input.fields.into_iter().map(|field| field.node).collect());
                }
                TypeKind::Enum(values) => {
                    schema.enums.insert(name, values.values[0].node.value.node.to_string());
                }
                _ => {}
            }
        }
        assert!(schema.objects.len() > 15, "the schema has too few object types");
        schema
    }

    /// The shortest path to each object type.
    fn shortest_paths(&self) -> HashMap<String, Way<'_>> {
        let mut ways = HashMap::from([("Query".to_owned(), Vec::new()), ("Mutation".to_owned(), Vec::new())]);
        let mut next = VecDeque::from(["Query", "Mutation"]);
        while let Some(type_name) = next.pop_front() {
            for field in &self.objects[type_name] {
                let target = name_of(&field.ty.node);
                if self.objects.contains_key(target) && !ways.contains_key(target) {
                    let mut way = ways[type_name].clone();
                    way.push((type_name.to_owned(), field));
                    ways.insert(target.to_owned(), way);
                    next.push_back(target);
                }
            }
        }
        ways
    }

    /// A document that selects this path, with a value for each required argument.
    fn document(&self, way: &Way<'_>) -> String {
        let last = name_of(&way.last().unwrap().1.ty.node);
        let mut document = if self.objects.contains_key(last) { " { __typename }".to_owned() } else { String::new() };
        for (_, field) in way.iter().rev() {
            let arguments: Vec<_> =
                field.arguments.iter().filter_map(|argument| self.required_value(&argument.node)).collect();
            let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
            document = format!(" {{ {}{arguments}{document} }}", field.name.node);
        }
        format!("{}{document}", way[0].0.to_lowercase())
    }

    fn required_value(&self, value: &InputValueDefinition) -> Option<String> {
        (!value.ty.node.nullable).then(|| format!("{}: {}", value.name.node, self.value(&value.ty.node)))
    }

    fn value(&self, ty: &Type) -> String {
        match &ty.base {
            BaseType::List(item) => format!("[{}]", self.value(item)),
            BaseType::Named(name) => match name.as_str() {
                "Long" | "Int" | "Timestamp" => "1".to_owned(),
                "ID" | "String" => "\"x\"".to_owned(),
                "Boolean" => "true".to_owned(),
                name if self.enums.contains_key(name) => self.enums[name].clone(),
                name => {
                    let fields: Vec<_> =
                        self.inputs[name].iter().filter_map(|field| self.required_value(field)).collect();
                    format!("{{ {} }}", fields.join(", "))
                }
            },
        }
    }
}

/// The least role that may select a field. `None` if the field has no `access`.
fn role_of(field: &FieldDefinition) -> Option<usize> {
    let access = field.directives.iter().find(|directive| directive.node.name.node == "access")?;
    let role = access.node.get_argument("role")?.node.to_string();
    ROLES.iter().position(|name| *name == role)
}

fn name_of(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => name_of(item),
    }
}

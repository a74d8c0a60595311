//! Completes an executed response as the GraphQL specification asks (October 2021, sections 6.4.4 and 7): keys in the
//! order of the document, and a non-null field that failed makes its parent null, up to one that may be.
//!
//! async-graphql 7.2 leaves such a field out, and orders keys by when they were resolved. Where nothing failed, keys may
//! be out of order at most, which [`super::shape`] sees to at less expense.

use std::collections::HashSet;

use async_graphql::{
    Name, PathSegment, Response, Value, Variables,
    indexmap::IndexMap,
    parser::types::{
        BaseType, ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, Type,
    },
};

use super::{shape::Selections, text::SchemaText};

/// A field of a mutation that is selected more than once under one key: by the specification it is one field, but the
/// library would execute it each time.
pub fn repeated_change(document: &ExecutableDocument, operation: &OperationDefinition) -> Option<Name> {
    let changes = operation.ty == OperationType::Mutation;
    changes.then(|| first_repeated(document, &operation.selection_set.node, &mut HashSet::new())).flatten()
}

/// Completes the response to an operation of a document.
pub fn complete(
    Selections { schema, document }: Selections<'_>,
    operation: &OperationDefinition,
    variables: &Variables,
    response: &mut Response,
) {
    let failed = response.errors.iter().flat_map(|error| (1..=error.path.len()).map(|end| path(&error.path[..end])));
    let mut walk = Walk { schema, document, variables, failed: failed.collect(), at: String::new() };
    let data = std::mem::take(&mut response.data);
    response.data = walk.object(root_of(operation), &[&operation.selection_set.node], data).unwrap_or_default();
}

/// The type that an operation starts at.
pub const fn root_of(operation: &OperationDefinition) -> &'static str {
    match operation.ty {
        OperationType::Mutation => "Mutation",
        OperationType::Query | OperationType::Subscription => "Query",
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Seen {
    Field,
    Fragment,
}

/// The first key, or the first fragment, that comes a second time; there the search ends, also where fragments that
/// nobody has validated yet go round in a ring.
fn first_repeated<'a>(
    document: &'a ExecutableDocument,
    set: &'a SelectionSet,
    seen: &mut HashSet<(Seen, &'a Name)>,
) -> Option<Name> {
    set.items.iter().find_map(|selection| match &selection.node {
        Selection::Field(field) => {
            let key = &field.node.response_key().node;
            (!seen.insert((Seen::Field, key))).then(|| key.clone())
        }
        Selection::FragmentSpread(spread) => {
            let name = &spread.node.fragment_name.node;
            if !seen.insert((Seen::Fragment, name)) {
                return Some(name.clone());
            }
            let fragment = document.fragments.get(name)?;
            first_repeated(document, &fragment.node.selection_set.node, seen)
        }
        Selection::InlineFragment(fragment) => first_repeated(document, &fragment.node.selection_set.node, seen),
    })
}

/// A path as text: `.name` and `.0` in turn.
fn path(segments: &[PathSegment]) -> String {
    let mut text = String::new();
    for segment in segments {
        text.push('.');
        match segment {
            PathSegment::Field(name) => text.push_str(name),
            PathSegment::Index(index) => text.push_str(&index.to_string()),
        }
    }
    text
}

struct Walk<'a> {
    schema: &'a SchemaText,
    document: &'a ExecutableDocument,
    variables: &'a Variables,
    /// Where errors are, and all that contains them.
    failed: HashSet<String>,
    at: String,
}

impl<'a> Walk<'a> {
    /// The value of a type, or `None` where it may not be null but is.
    fn value(&mut self, ty: &Type, selections: &[&'a SelectionSet], value: Value) -> Option<Value> {
        let completed = match (&ty.base, value) {
            (BaseType::List(item), Value::List(items)) => self.list(item, selections, items),
            // An object all of whose fields failed was made null, like one that has none.
            (BaseType::Named(name), value @ (Value::Object(_) | Value::Null))
                if self.schema.fields(name).is_some() && !(value == Value::Null && ty.nullable) =>
            {
                self.object(name, selections, value)
            }
            (_, Value::Null) => None,
            (_, value) => Some(value),
        };
        if ty.nullable { Some(completed.unwrap_or(Value::Null)) } else { completed }
    }

    fn list(&mut self, item: &Type, selections: &[&'a SelectionSet], items: Vec<Value>) -> Option<Value> {
        let completed = items
            .into_iter()
            .enumerate()
            .map(|(index, value)| self.below(&index.to_string(), |walk| walk.value(item, selections, value)));
        completed.collect::<Option<Vec<_>>>().map(Value::List)
    }

    fn object(&mut self, type_name: &str, selections: &[&'a SelectionSet], value: Value) -> Option<Value> {
        let schema = self.schema;
        let (mut values, Some(types)) = (fields_of(value), schema.fields(type_name)) else { return None };
        let selected = Selections { schema, document: self.document }.fields(type_name, selections);
        let mut completed = IndexMap::with_capacity(selected.len());
        for (key, (field, selections)) in selected {
            let value = values.swap_remove(&key);
            let ty = types.get(&field.name.node).map(|field| &field.ty);
            let value = self.below(&key, |walk| match (value, ty) {
                (Some(Value::List(entities)), Some(_)) if field.name.node == "_entities" => {
                    Some(Some(walk.entities(field, &selections, entities)))
                }
                (Some(value), Some(ty)) => Some(walk.value(ty, &selections, value)),
                // Introspection is the library's own.
                (Some(value), None) => Some(Some(value)),
                (None, Some(ty)) if walk.failed.contains(&walk.at) => Some(ty.nullable.then_some(Value::Null)),
                // Skipped by a directive.
                (None, _) => None,
            });
            if let Some(value) = value {
                completed.insert(key, value?);
            }
        }
        Some(Value::Object(completed))
    }

    /// Entities, each of which is of the type that the gateway named it by, or null. The library leaves their place out
    /// of the paths of errors.
    fn entities(&mut self, field: &Field, selections: &[&'a SelectionSet], entities: Vec<Value>) -> Value {
        let variables = self.variables;
        let named = field.get_argument("representations").cloned();
        let named =
            named.and_then(|named| named.node.into_const_with(|name| variables.get(&name).cloned().ok_or(())).ok());
        let Some(Value::List(named)) = named else { return Value::List(entities) };
        let complete = |(representation, entity): (Value, Value)| {
            let Value::Object(representation) = representation else { return entity };
            let Some(Value::String(type_name)) = representation.get("__typename") else { return entity };
            let ty = Type { base: BaseType::Named(Name::new(type_name)), nullable: true };
            self.value(&ty, selections, entity).unwrap_or_default()
        };
        Value::List(named.into_iter().zip(entities).map(complete).collect())
    }

    fn below<T>(&mut self, segment: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.at.len();
        self.at.push('.');
        self.at.push_str(segment);
        let result = work(self);
        self.at.truncate(length);
        result
    }
}

fn fields_of(value: Value) -> IndexMap<Name, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => IndexMap::new(),
    }
}

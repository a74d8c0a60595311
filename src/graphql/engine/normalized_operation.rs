//! Builds the normalised operation, which is executed: fragments are inlined, `@skip` and `@include` are applied, and fields
//! with the same response key are merged into one field with all of their selections.
//!
//! If a variable has no value, its argument or input field is omitted (GraphQL specification, sections 3.10 and 6.4.1). The
//! selections of a union are repeated for each of its types, in an inline fragment for each.

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Type, Value},
    executable::{Field, Operation, SelectionSet},
    response::{JsonMap, JsonValue},
    validation::Valid,
};
use async_graphql::{
    Name as OutName, Number, Pos, Positioned,
    indexmap::IndexMap,
    parser::types::{self as out, BaseType},
};
use async_graphql_value::Value as OutValue;

use super::{
    selections::{NullVariable, Selections},
    source_positions::offset_position,
};

/// Normalises an operation of a valid document with the coerced values of its variables. If `None`, no variable is assumed to
/// be null, and `@skip` and `@include` exclude nothing.
pub fn normalize(
    schema: &Valid<Schema>,
    document: &ExecutableDocument,
    operation: &Operation,
    variables: Option<&Valid<JsonMap>>,
) -> Result<out::OperationDefinition, NullVariable> {
    let variables = variables.map(|variables| &**variables);
    let builder = Builder { selections: Selections { schema, document, variables } };
    let is_given = |name: &Name| variables.is_none_or(|variables| variables.contains_key(name.as_str()));
    let given = operation.variables.iter().filter(|variable| is_given(&variable.name));
    let definitions = given.map(|variable| {
        at_start(out::VariableDefinition {
            name: at_start(OutName::new(&variable.name)),
            var_type: at_start(type_of(&variable.ty)),
            directives: Vec::new(),
            default_value: None,
        })
    });
    Ok(out::OperationDefinition {
        ty: if operation.is_mutation() { out::OperationType::Mutation } else { out::OperationType::Query },
        variable_definitions: definitions.collect(),
        directives: Vec::new(),
        selection_set: builder.set(operation.object_type(), &[&operation.selection_set])?,
    })
}

/// Wraps an operation in a document.
pub fn document_of(operation: out::OperationDefinition) -> out::ExecutableDocument {
    let operations = out::DocumentOperations::Single(at_start(operation));
    out::ExecutableDocument { operations, fragments: std::collections::HashMap::new() }
}

/// The number of fields of a selection set and below it.
pub fn count_fields(set: &out::SelectionSet) -> usize {
    let counts = set.items.iter().map(|selection| match &selection.node {
        out::Selection::Field(field) => 1 + count_fields(&field.node.selection_set.node),
        out::Selection::InlineFragment(fragment) => count_fields(&fragment.node.selection_set.node),
        out::Selection::FragmentSpread(_) => 0,
    });
    counts.sum()
}

type Arguments = Vec<(Positioned<OutName>, Positioned<OutValue>)>;

struct Builder<'a> {
    selections: Selections<'a>,
}

impl<'a> Builder<'a> {
    /// The merged selections of a type.
    fn set(&self, type_name: &Name, sets: &[&'a SelectionSet]) -> Result<Positioned<out::SelectionSet>, NullVariable> {
        let items = if let Some(members) = self.selections.members(type_name) {
            members.map(|member| self.fragment(member, sets)).collect::<Result<_, _>>()?
        } else {
            let fields = self.selections.fields(type_name, sets)?;
            fields.into_values().map(|fields| self.field(&fields)).collect::<Result<_, _>>()?
        };
        Ok(at_start(out::SelectionSet { items }))
    }

    fn fragment(&self, member: &Name, sets: &[&'a SelectionSet]) -> Result<Positioned<out::Selection>, NullVariable> {
        let condition = out::TypeCondition { on: at_start(OutName::new(member)) };
        Ok(at_start(out::Selection::InlineFragment(at_start(out::InlineFragment {
            type_condition: Some(at_start(condition)),
            directives: Vec::new(),
            selection_set: self.set(member, sets)?,
        }))))
    }

    /// Merges the fields with one response key, which differ only in their selections.
    fn field(&self, fields: &[&'a Node<Field>]) -> Result<Positioned<out::Selection>, NullVariable> {
        let field = fields[0];
        let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
        let is_leaf = sets.iter().all(|set| set.selections.is_empty());
        let selection_set = if is_leaf { Positioned::default() } else { self.set(&field.selection_set.ty, &sets)? };
        let position = field.location().map_or_else(Pos::default, offset_position);
        let field = out::Field {
            alias: field.alias.as_ref().map(|alias| Positioned::new(OutName::new(alias), position)),
            name: Positioned::new(OutName::new(&field.name), position),
            arguments: self.arguments(field, position)?,
            directives: Vec::new(),
            selection_set,
        };
        Ok(Positioned::new(out::Selection::Field(Positioned::new(field, position)), position))
    }

    /// The arguments of a field, without those that have no value.
    fn arguments(&self, field: &Field, position: Pos) -> Result<Arguments, NullVariable> {
        let mut arguments = Arguments::with_capacity(field.arguments.len());
        for argument in &field.arguments {
            let definition = field.definition.argument_by_name(&argument.name);
            let value = self.value(&argument.value, definition.map(|definition| &*definition.ty))?;
            // async-graphql rejects null for the arguments of introspection that have default values.
            let is_null = value == Some(OutValue::Null) || self.is_null_variable(&argument.value);
            if let Some(value) = value.filter(|_| !is_null || !field.definition.is_built_in()) {
                let name = Positioned::new(OutName::new(&argument.name), position);
                arguments.push((name, Positioned::new(value, position)));
            }
        }
        Ok(arguments)
    }

    fn is_null_variable(&self, value: &Value) -> bool {
        let value_of = |name: &Name| self.selections.variables.and_then(|variables| variables.get(name.as_str()));
        value.as_variable().and_then(value_of).is_some_and(JsonValue::is_null)
    }

    /// Converts a value, or returns `None` if it is a variable without a value. Inside a custom scalar, no type is expected.
    fn value(&self, value: &Value, expected: Option<&Type>) -> Result<Option<OutValue>, NullVariable> {
        Ok(Some(match value {
            Value::Null => OutValue::Null,
            Value::Enum(name) => OutValue::Enum(OutName::new(name)),
            Value::Variable(name) => match self.selections.variables.map(|variables| variables.get(name.as_str())) {
                Some(None) => return Ok(None),
                Some(Some(JsonValue::Null)) if expected.is_some_and(Type::is_non_null) => {
                    return Err(NullVariable(name.clone()));
                }
                None | Some(Some(_)) => OutValue::Variable(OutName::new(name)),
            },
            Value::String(text) => OutValue::String(text.clone()),
            Value::Boolean(value) => OutValue::Boolean(*value),
            Value::Int(number) => {
                let text = || OutValue::String(number.as_str().to_owned());
                number.as_str().parse::<i64>().map_or_else(|_| text(), |number| OutValue::Number(number.into()))
            }
            Value::Float(number) => {
                let text = || OutValue::String(number.as_str().to_owned());
                number.as_str().parse::<Number>().map_or_else(|_| text(), OutValue::Number)
            }
            Value::List(items) => {
                let expected = expected.map(Type::item_type);
                let items = items.iter().map(|item| Ok(self.value(item, expected)?.unwrap_or(OutValue::Null)));
                OutValue::List(items.collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let input = expected.and_then(|ty| self.selections.schema.get_input_object(ty.inner_named_type()));
                let mut values = IndexMap::with_capacity(fields.len());
                for (name, value) in fields {
                    let expected = input.and_then(|input| input.fields.get(name)).map(|field| &*field.ty);
                    if let Some(value) = self.value(value, expected)? {
                        values.insert(OutName::new(name), value);
                    }
                }
                OutValue::Object(values)
            }
        }))
    }
}

fn type_of(ty: &Type) -> out::Type {
    let base = match ty {
        Type::Named(name) | Type::NonNullNamed(name) => BaseType::Named(OutName::new(name)),
        Type::List(item) | Type::NonNullList(item) => BaseType::List(Box::new(type_of(item))),
    };
    out::Type { base, nullable: !ty.is_non_null() }
}

/// Wraps a node to which no error refers.
fn at_start<T>(node: T) -> Positioned<T> {
    Positioned::new(node, Pos::default())
}

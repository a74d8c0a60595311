//! The normalized operation, which is executed: fragments are inlined, `@skip` and `@include` are applied, and fields with
//! the same response key are one field with all of their selections (GraphQL specification, section 6.3.2, CollectFields).
//!
//! It is built for each request, because async-graphql consumes it: that takes no longer than copying it from a cache.
//! A variable without a value leaves out its argument or input field (sections 3.10 and 6.4.1).
//!
//! The selections of a union are given for each of its types, in an inline fragment of its own.

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Argument, Type, Value},
    collections::{HashSet, IndexMap},
    executable::{DirectiveList, Field, Operation, Selection, SelectionSet},
    parser::SourceSpan,
    response::{JsonMap, JsonValue},
    schema::ExtendedType,
    validation::Valid,
};
use async_graphql::{
    Name as OutName, Number, Pos, Positioned,
    parser::types::{self as out, BaseType},
};
use async_graphql_value::Value as OutValue;

use super::{response::offset, variables::number_or_text};

/// Why an operation can't be normalized.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// Two fields with one response key have different arguments.
    #[error("The fields with the response key \"{key}\" have different arguments. Give each an alias.")]
    Conflict {
        key: Name,
        /// Where the second of them is.
        location: Option<SourceSpan>,
    },
    /// A nullable variable with a default value, which `@skip` or `@include` uses, is null.
    #[error("The variable \"${0}\" must not be null: @skip or @include uses it.")]
    Condition(Name),
}

/// Normalizes an operation of a valid document, with the coerced values of its variables. Without them, every selection
/// is included.
pub fn normalize(
    schema: &Valid<Schema>,
    document: &ExecutableDocument,
    operation: &Operation,
    variables: Option<&Valid<JsonMap>>,
) -> Result<out::OperationDefinition, Invalid> {
    let builder = Builder { schema, document, variables: variables.map(|variables| &**variables) };
    let is_given = |name: &Name| variables.is_some_and(|variables| variables.contains_key(name.as_str()));
    let definitions = operation.variables.iter().filter(|variable| is_given(&variable.name)).map(|variable| {
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

/// A document with one operation.
pub fn document_of(operation: out::OperationDefinition) -> out::ExecutableDocument {
    let operations = out::DocumentOperations::Single(at_start(operation));
    out::ExecutableDocument { operations, fragments: std::collections::HashMap::new() }
}

struct Builder<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: Option<&'a JsonMap>,
}

/// The fields with one response key: the first, and the selections of all.
type Fields<'a> = IndexMap<&'a Name, (&'a Node<Field>, Vec<&'a SelectionSet>)>;

impl<'a> Builder<'a> {
    /// What is selected of a type.
    fn set(&self, type_name: &Name, sets: &[&'a SelectionSet]) -> Result<Positioned<out::SelectionSet>, Invalid> {
        let items = match self.schema.types.get(type_name) {
            Some(ExtendedType::Union(union)) => {
                let fragments = union.members.iter().map(|member| self.fragment(&member.name, sets));
                fragments.collect::<Result<_, _>>()?
            }
            _ => self.fields(type_name, sets)?,
        };
        Ok(at_start(out::SelectionSet { items }))
    }

    fn fragment(&self, member: &Name, sets: &[&'a SelectionSet]) -> Result<Positioned<out::Selection>, Invalid> {
        let condition = out::TypeCondition { on: at_start(OutName::new(member)) };
        Ok(at_start(out::Selection::InlineFragment(at_start(out::InlineFragment {
            type_condition: Some(at_start(condition)),
            directives: Vec::new(),
            selection_set: self.set(member, sets)?,
        }))))
    }

    fn fields(&self, type_name: &Name, sets: &[&'a SelectionSet]) -> Result<Vec<Positioned<out::Selection>>, Invalid> {
        let (mut fields, mut visited) = (Fields::default(), HashSet::default());
        for set in sets {
            self.collect(type_name, set, &mut fields, &mut visited)?;
        }
        fields.into_values().map(|(field, sets)| self.field(field, &sets)).collect()
    }

    fn collect(
        &self,
        type_name: &Name,
        set: &'a SelectionSet,
        fields: &mut Fields<'a>,
        visited: &mut HashSet<&'a Name>,
    ) -> Result<(), Invalid> {
        for selection in &set.selections {
            if !self.is_included(selection.directives())? {
                continue;
            }
            let (condition, set) = match selection {
                Selection::Field(field) => {
                    let (first, sets) = fields.entry(field.response_key()).or_insert((field, Vec::new()));
                    if self.variables.is_none() && !sets.is_empty() && !same_arguments(first, field) {
                        return Err(Invalid::Conflict {
                            key: field.response_key().clone(),
                            location: field.location(),
                        });
                    }
                    sets.push(&field.selection_set);
                    continue;
                }
                Selection::InlineFragment(fragment) => (fragment.type_condition.as_ref(), &fragment.selection_set),
                Selection::FragmentSpread(spread) => match self.document.fragments.get(&spread.fragment_name) {
                    Some(fragment) if visited.insert(&spread.fragment_name) => {
                        (Some(&fragment.selection_set.ty), &fragment.selection_set)
                    }
                    _ => continue,
                },
            };
            if condition.is_none_or(|on| on == type_name || self.schema.is_subtype(on, type_name)) {
                self.collect(type_name, set, fields, visited)?;
            }
        }
        Ok(())
    }

    /// Whether a selection with these directives is included.
    fn is_included(&self, directives: &DirectiveList) -> Result<bool, Invalid> {
        Ok(!self.condition(directives, "skip")?.unwrap_or(false)
            && self.condition(directives, "include")?.unwrap_or(true))
    }

    /// The condition of `@skip` or `@include`. `None`: the directive is not there, or conditions are not looked at.
    fn condition(&self, directives: &DirectiveList, directive: &str) -> Result<Option<bool>, Invalid> {
        let directive = self.variables.zip(directives.get(directive));
        let Some((variables, condition)) =
            directive.and_then(|(variables, directive)| Some((variables, directive.specified_argument_by_name("if")?)))
        else {
            return Ok(None);
        };
        match &**condition {
            Value::Variable(name) => match variables.get(name.as_str()).and_then(JsonValue::as_bool) {
                None => Err(Invalid::Condition(name.clone())),
                value => Ok(value),
            },
            value => Ok(value.to_bool()),
        }
    }

    fn field(&self, field: &Node<Field>, sets: &[&'a SelectionSet]) -> Result<Positioned<out::Selection>, Invalid> {
        let is_leaf = sets.iter().all(|set| set.selections.is_empty());
        let selection_set = if is_leaf { Positioned::default() } else { self.set(&field.selection_set.ty, sets)? };
        let position = field.location().map_or_else(Pos::default, offset);
        let field = out::Field {
            alias: field.alias.as_ref().map(|alias| Positioned::new(OutName::new(alias), position)),
            name: Positioned::new(OutName::new(&field.name), position),
            arguments: field.arguments.iter().filter_map(|argument| self.argument(argument, position)).collect(),
            directives: Vec::new(),
            selection_set,
        };
        Ok(Positioned::new(out::Selection::Field(Positioned::new(field, position)), position))
    }

    fn argument(&self, argument: &Argument, position: Pos) -> Option<(Positioned<OutName>, Positioned<OutValue>)> {
        let value = self.value(&argument.value)?;
        Some((Positioned::new(OutName::new(&argument.name), position), Positioned::new(value, position)))
    }

    /// The value of an argument. `None`: it is a variable without a value.
    fn value(&self, value: &Value) -> Option<OutValue> {
        Some(match value {
            Value::Null => OutValue::Null,
            Value::Enum(name) => OutValue::Enum(OutName::new(name)),
            Value::Variable(name) => {
                self.variables?.get(name.as_str())?;
                OutValue::Variable(OutName::new(name))
            }
            Value::String(text) => OutValue::String(text.clone()),
            Value::Boolean(value) => OutValue::Boolean(*value),
            Value::Int(number) => number_of(number.as_str()),
            Value::Float(number) => number_of(number.as_str()),
            Value::List(items) => {
                OutValue::List(items.iter().map(|item| self.value(item).unwrap_or(OutValue::Null)).collect())
            }
            Value::Object(fields) => {
                let fields = fields.iter().filter_map(|(name, value)| Some((OutName::new(name), self.value(value)?)));
                OutValue::Object(fields.collect())
            }
        })
    }
}

fn number_of(literal: &str) -> OutValue {
    let number = literal.parse::<Number>().map_err(|_| literal.to_owned()).and_then(number_or_text);
    number.map_or_else(OutValue::String, OutValue::Number)
}

/// Whether two fields have the same arguments. apollo-compiler has compared them, but for the lengths of lists.
fn same_arguments(left: &Field, right: &Field) -> bool {
    left.arguments.iter().all(|argument| {
        let other = right.specified_argument_by_name(&argument.name);
        other.is_some_and(|other| same_lengths(&argument.value, other))
    })
}

fn same_lengths(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_lengths(left, right))
        }
        (Value::Object(left), Value::Object(right)) => left.iter().all(|(name, value)| {
            right.iter().any(|(other, other_value)| name == other && same_lengths(value, other_value))
        }),
        _ => true,
    }
}

fn type_of(ty: &Type) -> out::Type {
    let base = match ty {
        Type::Named(name) | Type::NonNullNamed(name) => BaseType::Named(OutName::new(name)),
        Type::List(item) | Type::NonNullList(item) => BaseType::List(Box::new(type_of(item))),
    };
    out::Type { base, nullable: !ty.is_non_null() }
}

/// A node whose position no error refers to.
fn at_start<T>(node: T) -> Positioned<T> {
    Positioned::new(node, Pos::default())
}

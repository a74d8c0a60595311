//! The values in an operation: its arguments and variables.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{self, InputValueDefinition, Type, Value, VariableDefinition},
    executable::{DirectiveList, Operation, Selection, SelectionSet},
    parser::SourceSpan,
    schema::ExtendedType,
};

use super::Validator;
use crate::graphql::engine::settings::IntrospectionDenied;

/// The fields that return the schema.
const INTROSPECTION: [&str; 3] = ["__schema", "__type", "_service"];

/// Why an operation is invalid.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Introspection(#[from] IntrospectionDenied),
    #[error("The variable \"${0}\" is not defined.")]
    UndefinedVariable(Name),
    #[error("The variable \"${name}\" of type {ty} can't be used where {expected} is expected.")]
    VariableType { name: Name, ty: Type, expected: Type },
    #[error("The input field \"{0}\" is given more than once.")]
    RepeatedInputField(Name),
}

/// A fault and its location.
type LocatedFault = (Fault, Option<SourceSpan>);

/// Checks the arguments of the fields and directives of an operation, including its fragments. As it visits every field, it
/// also rejects introspection where it is denied.
pub struct ValueCheck<'a> {
    schema: &'a Schema,
    no_introspection: Option<IntrospectionDenied>,
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    variables: HashMap<&'a Name, &'a VariableDefinition>,
    visited: HashSet<&'a Name>,
}

impl<'a> ValueCheck<'a> {
    pub fn new(validator: &Validator<'a>, document: &'a ExecutableDocument, operation: &'a Operation) -> Self {
        let Validator { schema, no_introspection, .. } = *validator;
        let variables = operation.variables.iter().map(|variable| (&variable.name, &**variable)).collect();
        Self { schema, no_introspection, document, operation, variables, visited: HashSet::new() }
    }

    /// The first fault, or `None` if the values are valid.
    pub fn fault(&mut self) -> Option<LocatedFault> {
        let Operation { variables, directives, selection_set, .. } = self.operation;
        let faults = variables.iter().find_map(|variable| {
            let default = variable.default_value.as_ref();
            default.and_then(|default| self.value(default, Some((&variable.ty, false))))
        });
        faults.or_else(|| self.directives(directives)).or_else(|| self.set(selection_set))
    }

    fn set(&mut self, set: &'a SelectionSet) -> Option<LocatedFault> {
        set.selections.iter().find_map(|selection| {
            let below = match selection {
                Selection::Field(field) => {
                    let denied = self.no_introspection.filter(|_| INTROSPECTION.contains(&field.name.as_str()));
                    let denied = denied.map(|denied| (denied.into(), field.location()));
                    let arguments = || self.arguments(&field.arguments, &field.definition.arguments);
                    denied.or_else(arguments).or_else(|| self.set(&field.selection_set))
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set),
                Selection::FragmentSpread(spread) if self.visited.insert(&spread.fragment_name) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name)?;
                    self.directives(&fragment.directives).or_else(|| self.set(&fragment.selection_set))
                }
                Selection::FragmentSpread(_) => None,
            };
            below.or_else(|| self.directives(selection.directives()))
        })
    }

    fn directives(&self, directives: &DirectiveList) -> Option<LocatedFault> {
        directives.iter().find_map(|directive| {
            let definition = self.schema.directive_definitions.get(&directive.name)?;
            self.arguments(&directive.arguments, &definition.arguments)
        })
    }

    fn arguments(
        &self,
        arguments: &[Node<ast::Argument>],
        definitions: &[Node<InputValueDefinition>],
    ) -> Option<LocatedFault> {
        arguments.iter().find_map(|argument| {
            let definition = definitions.iter().find(|definition| definition.name == argument.name)?;
            self.value(&argument.value, Some((&definition.ty, has_default(definition))))
        })
    }

    /// The first fault in a value. `expected` is the type of its argument or input field, and whether that has a default value.
    /// It is `None` inside a custom scalar, where any type is permitted.
    fn value(&self, value: &Node<Value>, expected: Option<(&Type, bool)>) -> Option<LocatedFault> {
        match &**value {
            Value::Variable(name) => {
                let Some(variable) = self.variables.get(name) else {
                    return Some((Fault::UndefinedVariable(name.clone()), value.location()));
                };
                // apollo-compiler rejects variables whose type is not an input type.
                let (ty, has_default) = expected.filter(|_| self.schema.is_input_type(&variable.ty))?;
                let fault =
                    || Fault::VariableType { name: name.clone(), ty: Type::clone(&variable.ty), expected: ty.clone() };
                (!is_usage_allowed(variable, ty, has_default)).then(|| (fault(), value.location()))
            }
            Value::List(items) => {
                let item = expected.map(|(ty, _)| (ty.item_type(), false));
                items.iter().find_map(|value| self.value(value, item))
            }
            Value::Object(fields) => {
                let mut names = HashSet::new();
                let input = expected.and_then(|(ty, _)| self.schema.types.get(ty.inner_named_type()));
                let input = input.and_then(ExtendedType::as_input_object);
                fields.iter().find_map(|(name, value)| {
                    if !names.insert(name) {
                        return Some((Fault::RepeatedInputField(name.clone()), name.location()));
                    }
                    let definition = input.and_then(|input| input.fields.get(name));
                    self.value(value, definition.map(|field| (&*field.ty, has_default(field))))
                })
            }
            _ => None,
        }
    }
}

/// Whether an omitted value is replaced by one that is not null.
fn has_default(definition: &InputValueDefinition) -> bool {
    definition.default_value.as_ref().is_some_and(|default| !default.is_null())
}

/// Whether a variable may be used where this type is expected (5.8.5, `IsVariableUsageAllowed`).
fn is_usage_allowed(variable: &VariableDefinition, expected: &Type, has_location_default: bool) -> bool {
    let has_default = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
    if expected.is_non_null() && !variable.ty.is_non_null() {
        (has_default || has_location_default) && variable.ty.is_assignable_to(&expected.clone().nullable())
    } else {
        variable.ty.is_assignable_to(expected)
    }
}

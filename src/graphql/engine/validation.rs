//! Validation of documents (GraphQL specification, September 2025, section 5).
//!
//! apollo-compiler validates documents, except for what is here:
//! - An input object may have a field once (5.6.3).
//! - A variable inside a list or an object is defined (5.8.3) and is of a type that may stand there (5.8.5).
//! - Fields with the same response key have the same arguments (5.3.2): apollo-compiler compares two lists only as far as
//!   the shorter one goes.

use std::collections::{HashMap, HashSet};

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{self, InputValueDefinition, Type, Value, VariableDefinition},
    diagnostic::ToCliReport,
    executable::{DirectiveList, Operation, Selection, SelectionSet},
    parser::{Parser, SourceSpan},
    schema::ExtendedType,
    validation::Valid,
};

use super::{RequestError, bounds, documents::Document, limits::DocumentLimits, selections::Selections, syntax};
use crate::graphql::error::ErrorCode;

/// Parses and validates documents against a schema.
pub struct Validator<'a> {
    schema: &'a Valid<Schema>,
    limits: &'a DocumentLimits,
    no_introspection: Option<&'static str>,
}

/// The fields that return the schema.
const INTROSPECTION: [&str; 3] = ["__schema", "__type", "_service"];

/// A fault of a document, and where it is.
type Fault = (String, Option<SourceSpan>);

impl<'a> Validator<'a> {
    /// `no_introspection` says why a document may not select the schema, or `None` if it may.
    pub const fn new(
        schema: &'a Valid<Schema>,
        limits: &'a DocumentLimits,
        no_introspection: Option<&'static str>,
    ) -> Self {
        Self { schema, limits, no_introspection }
    }

    /// Parses a document within its limits and validates it.
    pub fn validate(&self, text: &str) -> Result<Document, RequestError> {
        let document = parse(text, self.limits)?;
        bounds::check(&document, self.limits)?;
        let executable = document.to_executable(self.schema);
        let executable = executable.map_err(|invalid| RequestError::diagnosed(&invalid.errors, text))?;
        for operation in executable.operations.iter() {
            // Before the library, which makes a report of every fault, and less clear ones of variables.
            if let Some((message, location)) = Usages::new(self, &executable, operation).fault() {
                return Err(RequestError::invalid(message).at(location.map(|location| location.offset()), text));
            }
            let selections = Selections { schema: self.schema, document: &executable, variables: None };
            if let Some(conflict) = selections.conflict(operation.object_type(), &[&operation.selection_set]) {
                let key = conflict.response_key();
                let message =
                    format!("The fields with the response key \"{key}\" have different arguments. Use aliases.");
                let offset = conflict.location().map(|location| location.offset());
                return Err(RequestError::invalid(message).at(offset, text));
            }
        }
        let executable = executable.validate(self.schema);
        let executable = executable.map_err(|invalid| RequestError::diagnosed(&invalid.errors, text))?;
        Ok(Document::new(text, executable, self.schema))
    }
}

/// Parses a document within its limits.
pub fn parse(text: &str, limits: &DocumentLimits) -> Result<ast::Document, RequestError> {
    let DocumentLimits { nesting, tokens, .. } = *limits;
    let (readable, fault) = syntax::check(text, tokens);
    let mut parser = Parser::new().recursion_limit(nesting).token_limit(tokens);
    let document = parser.parse_ast(readable, "document").map_err(|invalid| {
        if parser.tokens_reached() > tokens {
            return RequestError::limit_exceeded(tokens, "tokens");
        }
        if parser.recursion_reached() > nesting {
            return RequestError::limit_exceeded(nesting, "nested selection sets, lists and objects");
        }
        // What follows the first error follows from it.
        let Some(first) = invalid.errors.iter().next() else { return syntax_error("the document can't be read") };
        let message = first.error.to_string();
        let offset = first.error.location().map(|location| location.offset());
        syntax_error(message.strip_prefix("syntax error: ").unwrap_or(&message)).at(offset, text)
    })?;
    match fault {
        Some(fault) => Err(syntax_error(&fault.message).at(Some(fault.offset), text)),
        None => Ok(document),
    }
}

/// The error for a text that is not a document.
fn syntax_error(message: &str) -> RequestError {
    RequestError::document(ErrorCode::GraphqlParseFailed, format!("Syntax error: {}.", message.trim_end_matches('.')))
}

/// The values in an operation: its arguments, and those of its directives, through fragments. The walk also finds
/// introspection where it is disabled.
struct Usages<'a> {
    schema: &'a Schema,
    no_introspection: Option<&'static str>,
    document: &'a ExecutableDocument,
    operation: &'a Operation,
    variables: HashMap<&'a Name, &'a VariableDefinition>,
    visited: HashSet<&'a Name>,
}

impl<'a> Usages<'a> {
    fn new(validator: &Validator<'a>, document: &'a ExecutableDocument, operation: &'a Operation) -> Self {
        let Validator { schema, no_introspection, .. } = *validator;
        let variables = operation.variables.iter().map(|variable| (&variable.name, &**variable)).collect();
        Self { schema, no_introspection, document, operation, variables, visited: HashSet::new() }
    }

    /// The first fault, or `None` if there is no fault.
    fn fault(&mut self) -> Option<Fault> {
        let Operation { variables, directives, selection_set, .. } = self.operation;
        let faults = variables.iter().find_map(|variable| {
            let default = variable.default_value.as_ref();
            default.and_then(|default| self.value(default, Some((&variable.ty, false))))
        });
        faults.or_else(|| self.directives(directives)).or_else(|| self.set(selection_set))
    }

    fn set(&mut self, set: &'a SelectionSet) -> Option<Fault> {
        set.selections.iter().find_map(|selection| {
            let below = match selection {
                Selection::Field(field) => {
                    let refusal = self.no_introspection.filter(|_| INTROSPECTION.contains(&field.name.as_str()));
                    let refused = refusal.map(|refusal| (refusal.to_owned(), field.location()));
                    let arguments = || self.arguments(&field.arguments, &field.definition.arguments);
                    refused.or_else(arguments).or_else(|| self.set(&field.selection_set))
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

    fn directives(&self, directives: &DirectiveList) -> Option<Fault> {
        directives.iter().find_map(|directive| {
            let definition = self.schema.directive_definitions.get(&directive.name)?;
            self.arguments(&directive.arguments, &definition.arguments)
        })
    }

    fn arguments(
        &self,
        arguments: &[Node<ast::Argument>],
        definitions: &[Node<InputValueDefinition>],
    ) -> Option<Fault> {
        arguments.iter().find_map(|argument| {
            let definition = definitions.iter().find(|definition| definition.name == argument.name)?;
            self.value(&argument.value, Some((&definition.ty, has_default(definition))))
        })
    }

    /// The first fault in a value that stands where a type is expected, which may have a default value. The type is `None`
    /// inside a custom scalar, where any type may stand.
    fn value(&self, value: &Node<Value>, expected: Option<(&Type, bool)>) -> Option<Fault> {
        match &**value {
            Value::Variable(name) => {
                let Some(variable) = self.variables.get(name) else {
                    return Some((format!("The variable \"${name}\" is not defined."), value.location()));
                };
                // The library rejects a variable whose type is not an input type.
                let (ty, has_default) = expected.filter(|_| self.schema.is_input_type(&variable.ty))?;
                let message = || {
                    format!("The variable \"${name}\" of type {} can't be used where {ty} is expected.", variable.ty)
                };
                (!may_stand(variable, ty, has_default)).then(|| (message(), value.location()))
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
                        return Some((format!("The input field \"{name}\" is given more than once."), name.location()));
                    }
                    let definition = input.and_then(|input| input.fields.get(name));
                    self.value(value, definition.map(|field| (&*field.ty, has_default(field))))
                })
            }
            _ => None,
        }
    }
}

/// Whether a value that is left out is replaced by one that is not null.
fn has_default(definition: &InputValueDefinition) -> bool {
    definition.default_value.as_ref().is_some_and(|default| !default.is_null())
}

/// Whether a variable may stand where a type is expected (5.8.5, `IsVariableUsageAllowed`).
fn may_stand(variable: &VariableDefinition, expected: &Type, has_location_default: bool) -> bool {
    let has_default = variable.default_value.as_ref().is_some_and(|default| !default.is_null());
    if expected.is_non_null() && !variable.ty.is_non_null() {
        (has_default || has_location_default) && variable.ty.is_assignable_to(&expected.clone().nullable())
    } else {
        variable.ty.is_assignable_to(expected)
    }
}

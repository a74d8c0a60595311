//! A document that was read, and what holds for its operations whoever sends it.

use async_graphql::{
    Name, Positioned,
    parser::types::{Directive, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet},
};
use async_graphql_value::Value;

use super::{
    access::Demands,
    completion::{repeated_change, root_of},
    shape::{Selections, Shape},
    text::SchemaText,
};

/// A document that is within its bounds.
pub struct Known {
    pub document: ExecutableDocument,
    /// Whether it stays valid whatever its variables are, once it was found so.
    pub stays_valid: bool,
    /// Of each operation, in the order of `document.operations`.
    facts: Vec<Facts>,
}

/// What holds for an operation.
pub struct Facts {
    /// Whether it may change anything.
    pub is_mutation: bool,
    /// Who may ask for it.
    pub demands: Demands,
    /// The key of a change that it asks for more than once.
    pub repeated_change: Option<Name>,
    /// What its answer looks like if nothing fails. `None`: only the answer tells.
    pub shape: Option<Shape>,
}

impl Known {
    pub fn new(document: ExecutableDocument, schema: &SchemaText) -> Self {
        let selections = Selections { schema, document: &document };
        // A directive may leave something out.
        let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
        let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
        let is_whole = !fragments.chain(operations).any(has_directives);
        let facts = document.operations.iter().map(|(_, operation)| {
            let operation = &operation.node;
            let shape =
                is_whole.then(|| Shape::of(selections, root_of(operation), &[&operation.selection_set.node])).flatten();
            Facts {
                is_mutation: operation.ty == OperationType::Mutation,
                demands: Demands::of(selections, operation),
                repeated_change: repeated_change(&document, operation),
                shape,
            }
        });
        let facts = facts.collect();
        let stays_valid = stays_valid(&document);
        Self { document, stays_valid, facts }
    }

    /// The operation that has this name, or the only one.
    pub fn operation(&self, name: Option<&str>) -> Option<(&OperationDefinition, &Facts)> {
        let mut operations = self.document.operations.iter().zip(&self.facts);
        let chosen = match name {
            Some(wanted) => operations.find(|((name, _), _)| name.is_some_and(|name| name.as_str() == wanted)),
            None => operations.next().filter(|_| operations.next().is_none()),
        };
        chosen.map(|((_, operation), facts)| (&operation.node, facts))
    }

    /// How many keys the answers to its operations have, as far as they are kept.
    pub fn keys(&self) -> usize {
        self.facts.iter().filter_map(|facts| facts.shape.as_ref()).map(Shape::keys).sum()
    }

    /// The name that a request is told of by: that of its operation, or of any if it does not say which.
    pub fn name(&self, wanted: Option<&str>) -> Option<&str> {
        let mut names = self.document.operations.iter().map(|(name, _)| name.map(Name::as_str));
        match wanted {
            Some(_) => names.find(|name| *name == wanted).flatten(),
            None => names.next().flatten(),
        }
    }
}

/// Whether the library would find a valid document valid again, with any variables that are of their types: it leaves
/// out what is in other operations than the one that is asked for, and arguments with a variable in them that has no
/// value, and looks for nulls where a default stands in for them.
fn stays_valid(document: &ExecutableDocument) -> bool {
    let mut operations = document.operations.iter().map(|(_, operation)| &operation.node);
    let (Some(operation), None) = (operations.next(), operations.next()) else { return false };
    let fragments = document.fragments.values().map(|fragment| &fragment.node);
    operation.variable_definitions.iter().all(|definition| definition.node.default_value.is_none())
        && are_plain(&operation.directives)
        && fragments
            .into_iter()
            .all(|fragment| are_plain(&fragment.directives) && is_plain(&fragment.selection_set.node))
        && is_plain(&operation.selection_set.node)
}

/// Whether each argument is a variable, or has none in it.
fn is_plain(set: &SelectionSet) -> bool {
    set.items.iter().all(|selection| {
        let selection = &selection.node;
        are_plain(selection.directives())
            && match selection {
                Selection::Field(field) => {
                    field.node.arguments.iter().all(|(_, value)| is_plain_value(&value.node))
                        && is_plain(&field.node.selection_set.node)
                }
                Selection::InlineFragment(fragment) => is_plain(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => true,
            }
    })
}

fn are_plain(directives: &[Positioned<Directive>]) -> bool {
    let mut arguments = directives.iter().flat_map(|directive| &directive.node.arguments);
    arguments.all(|(_, value)| is_plain_value(&value.node))
}

fn is_plain_value(value: &Value) -> bool {
    matches!(value, Value::Variable(_)) || value.clone().into_const().is_some()
}

fn has_directives(set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| {
        !selection.node.directives().is_empty()
            || match &selection.node {
                Selection::Field(field) => has_directives(&field.node.selection_set.node),
                Selection::InlineFragment(fragment) => has_directives(&fragment.node.selection_set.node),
                Selection::FragmentSpread(_) => false,
            }
    })
}

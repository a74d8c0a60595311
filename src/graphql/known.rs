//! A document that was read, and what holds for its operations whoever sends it.

use async_graphql::{
    Name,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet},
};

use super::{
    access::Demands,
    completion::{repeated_change, root_of},
    shape::{Selections, Shape},
    text::SchemaText,
};

/// A document that is within its bounds.
pub struct Known {
    pub document: ExecutableDocument,
    /// Of each operation, in the order of the document.
    facts: Vec<Facts>,
}

/// What holds for an operation.
pub struct Facts {
    /// Its name, if it has one.
    pub name: Option<Name>,
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
        let is_plain = !fragments.chain(operations).any(has_directives);
        let facts = document.operations.iter().map(|(name, operation)| {
            let operation = &operation.node;
            let shape =
                is_plain.then(|| Shape::of(selections, root_of(operation), &[&operation.selection_set.node])).flatten();
            Facts {
                name: name.cloned(),
                is_mutation: operation.ty == OperationType::Mutation,
                demands: Demands::of(selections, operation),
                repeated_change: repeated_change(&document, operation),
                shape,
            }
        });
        let facts = facts.collect();
        Self { document, facts }
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

    /// The name that a request is told of by: that of its operation, or of the first.
    pub fn name(&self, wanted: Option<&str>) -> Option<&str> {
        let mut names = self.facts.iter().map(|facts| facts.name.as_deref());
        match wanted {
            Some(_) => names.find(|name| *name == wanted).flatten(),
            None => names.next().flatten(),
        }
    }
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

//! How large a document is: what validation and execution go through, whatever its variables are. Validation goes through
//! every operation and every fragment, used or not, so all of them count.

use async_graphql::parser::types::{ExecutableDocument, Selection};

use super::{
    DocumentLimits, Unfit,
    expansion::{Expansion, Sum},
};

/// How much is selected.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    selections: usize,
    aliases: usize,
    directives: usize,
    /// Selection sets within each other, below this one.
    depth: usize,
    /// Fields of the object itself, through fragments.
    fields: usize,
}

impl Sum for Size {
    fn plus(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            depth: self.depth.max(other.depth),
            fields: self.fields.saturating_add(other.fields),
        }
    }
}

impl Size {
    /// What a selection comes to, with all that is below it.
    fn of(selection: &Selection, below: Self) -> Self {
        let (is_leaf, is_aliased, fields) = match selection {
            Selection::Field(field) => (field.node.selection_set.node.items.is_empty(), field.node.alias.is_some(), 1),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => (false, false, below.fields),
        };
        Self {
            selections: below.selections.saturating_add(1),
            aliases: below.aliases.saturating_add(is_aliased.into()),
            directives: below.directives.saturating_add(selection.directives().len()),
            depth: if is_leaf { 0 } else { below.depth + 1 },
            fields,
        }
    }
}

/// Refuses a document that is too large.
pub fn bounds(document: &ExecutableDocument, limits: &DocumentLimits) -> Result<(), Unfit> {
    Unfit::above(limits.operations, document.operations.iter().len(), "operations")?;
    let mut expansion = Expansion::new(document, limits.depth, Size::of);
    let mut whole = Size::default();
    for (_, operation) in document.operations.iter() {
        let variables = &operation.node.variable_definitions;
        Unfit::above(limits.variables, variables.len(), "variables in one operation")?;
        let size = expansion.operation(&operation.node.selection_set.node)?;
        Unfit::above(limits.root_fields, size.fields, "fields at the root of one operation")?;
        whole = whole.plus(size);
        whole.directives += operation.node.directives.len();
        whole.directives += variables.iter().map(|variable| variable.node.directives.len()).sum::<usize>();
    }
    // What is an operation's counts there. Validation goes through each fragment once more, by itself.
    for name in document.fragments.keys() {
        let size = expansion.fragment(name)?;
        whole.selections = whole.selections.saturating_add(size.selections);
        whole.depth = whole.depth.max(size.depth);
    }
    Unfit::above(limits.depth, whole.depth + 1, "selection sets within each other")?;
    Unfit::above(limits.selections, whole.selections, "selections, counting a fragment's wherever it is spread")?;
    Unfit::above(limits.aliases, whole.aliases, "aliases, counting a fragment's wherever it is spread")?;
    Unfit::above(limits.directives, whole.directives, "directives, counting a fragment's wherever it is spread")
}

//! The size of a document, before it is validated: what validation and normalization go through.
//!
//! The selections of a fragment count wherever it is spread. Each selection is looked at once, because the size of a
//! fragment is kept; so this takes no longer than the document is long. Nothing is validated yet: fragments may be missing
//! or form a cycle.

use std::collections::HashMap;

use apollo_compiler::ast::{Definition, Document, FragmentDefinition, Selection};

use super::{
    RequestError,
    limits::{self, DocumentLimits},
};
use crate::graphql::error::ErrorCode;

/// What is selected, with everything below it.
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

impl Size {
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

/// Rejects a document that exceeds its limits, or whose fragments form a cycle.
pub fn check(document: &Document, limits: &DocumentLimits) -> Result<(), RequestError> {
    let fragments = document.definitions.iter().filter_map(Definition::as_fragment_definition);
    let fragments: HashMap<&str, &FragmentDefinition> =
        fragments.map(|fragment| (fragment.name.as_str(), &**fragment)).collect();
    let mut measure = Measure { limits, fragments, sizes: HashMap::new() };
    let (mut whole, mut operations) = (Size::default(), 0);
    for definition in &document.definitions {
        let size = match definition {
            Definition::OperationDefinition(operation) => {
                operations += 1;
                let variables = &operation.variables;
                limits::check(limits.variables, variables.len(), "variables in one operation")?;
                let names = operation.name.iter().chain(variables.iter().map(|variable| &variable.name));
                names.map(|name| measure.name(name)).collect::<Result<(), _>>()?;
                let mut size = measure.set(&operation.selection_set, 1)?;
                limits::check(limits.root_fields, size.fields, "fields at the root of one operation")?;
                size.directives += operation.directives.len();
                size.directives += variables.iter().map(|variable| variable.directives.len()).sum::<usize>();
                size
            }
            // Validation goes through each fragment by itself, too.
            Definition::FragmentDefinition(fragment) => {
                measure.name(&fragment.name)?;
                let size = measure.spread(&fragment.name, 1)?;
                Size { aliases: 0, directives: fragment.directives.len(), ..size }
            }
            _ => continue,
        };
        whole = whole.plus(size);
    }
    limits::check(limits.operations, operations, "operations")?;
    limits::check(limits.depth, whole.depth + 1, "selection sets within each other")?;
    limits::check(limits.selections, whole.selections, "selections, counting a fragment's wherever it is spread")?;
    limits::check(limits.aliases, whole.aliases, "aliases, counting a fragment's wherever it is spread")?;
    limits::check(limits.directives, whole.directives, "directives, counting a fragment's wherever it is spread")
}

struct Measure<'a> {
    limits: &'a DocumentLimits,
    fragments: HashMap<&'a str, &'a FragmentDefinition>,
    /// The sizes of fragments. `None`: it is being measured.
    sizes: HashMap<&'a str, Option<Size>>,
}

impl<'a> Measure<'a> {
    fn set(&mut self, selections: &'a [Selection], depth: usize) -> Result<Size, RequestError> {
        // This recurses as deep, through fragments too.
        limits::check(self.limits.depth, depth, "selection sets within each other")?;
        let mut total = Size::default();
        for selection in selections {
            total = total.plus(self.selection(selection, depth)?);
        }
        Ok(total)
    }

    fn selection(&mut self, selection: &'a Selection, depth: usize) -> Result<Size, RequestError> {
        let (below, directives, is_leaf, is_aliased) = match selection {
            Selection::Field(field) => {
                self.name(field.response_name())?;
                let is_leaf = field.selection_set.is_empty();
                let below = if is_leaf { Size::default() } else { self.set(&field.selection_set, depth + 1)? };
                (Size { fields: 1, ..below }, &field.directives, is_leaf, field.alias.is_some())
            }
            Selection::FragmentSpread(spread) => {
                (self.spread(&spread.fragment_name, depth + 1)?, &spread.directives, false, false)
            }
            Selection::InlineFragment(fragment) => {
                (self.set(&fragment.selection_set, depth + 1)?, &fragment.directives, false, false)
            }
        };
        Ok(Size {
            selections: below.selections.saturating_add(1),
            aliases: below.aliases.saturating_add(is_aliased.into()),
            directives: below.directives.saturating_add(directives.len()),
            depth: if is_leaf { 0 } else { below.depth + 1 },
            fields: below.fields,
        })
    }

    fn spread(&mut self, name: &'a str, depth: usize) -> Result<Size, RequestError> {
        match self.sizes.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let message = "A fragment spreads itself, directly or through other fragments.";
                return Err(RequestError::document(ErrorCode::GraphqlValidationFailed, message));
            }
            None => {}
        }
        let Some(fragment) = self.fragments.get(name) else { return Ok(Size::default()) };
        self.sizes.insert(name, None);
        let size = self.set(&fragment.selection_set, depth)?;
        self.sizes.insert(name, Some(size));
        Ok(size)
    }

    fn name(&self, name: &str) -> Result<(), RequestError> {
        limits::check(self.limits.name, name.len(), "bytes in one name")
    }
}

//! The size of a document, before it is validated: what validation and normalization go through.
//!
//! The selections of a fragment count wherever it is spread. Each selection is looked at once, because the size of a
//! fragment is kept; so this takes no longer than the document is long. Nothing is validated yet: fragments may be missing
//! or form a cycle.

use std::collections::HashMap;

use apollo_compiler::{
    Node,
    ast::{Argument, Definition, DirectiveList, Document, FragmentDefinition, OperationDefinition, Selection, Value},
};

use super::{
    RequestError,
    limits::{self, DocumentLimits},
};
use crate::graphql::error::ErrorCode;

/// Fields of one input object in the text of a document. Validation compares the objects of two fields with one response
/// key field by field, each with each. The largest input type has 8 fields.
const MAX_OBJECT_FIELDS: usize = 250;

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
                measure.operation(operation)?
            }
            Definition::FragmentDefinition(fragment) => measure.fragment(fragment)?,
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
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Size, RequestError> {
        limits::check(self.limits.variables, operation.variables.len(), "variables in one operation")?;
        operation.name.iter().try_for_each(|name| self.name(name))?;
        directives(&operation.directives)?;
        let mut size = self.set(&operation.selection_set, 1)?;
        limits::check(self.limits.root_fields, size.fields, "fields at the root of one operation")?;
        size.directives += operation.directives.len();
        for variable in &operation.variables {
            self.name(&variable.name)?;
            variable.default_value.iter().try_for_each(|default| object_fields(default))?;
            size.directives += variable.directives.len();
        }
        Ok(size)
    }

    /// Validation goes through a fragment by itself, besides wherever it is spread.
    fn fragment(&mut self, fragment: &'a FragmentDefinition) -> Result<Size, RequestError> {
        self.name(&fragment.name)?;
        directives(&fragment.directives)?;
        let size = self.spread(&fragment.name, 1)?;
        Ok(Size { aliases: 0, directives: fragment.directives.len(), ..size })
    }

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
        let (below, directive_list, is_leaf, is_aliased) = match selection {
            Selection::Field(field) => {
                self.name(field.response_name())?;
                arguments(&field.arguments)?;
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
        directives(directive_list)?;
        Ok(Size {
            selections: below.selections.saturating_add(1),
            aliases: below.aliases.saturating_add(is_aliased.into()),
            directives: below.directives.saturating_add(directive_list.len()),
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

fn directives(directives: &DirectiveList) -> Result<(), RequestError> {
    directives.iter().try_for_each(|directive| arguments(&directive.arguments))
}

fn arguments(arguments: &[Node<Argument>]) -> Result<(), RequestError> {
    arguments.iter().try_for_each(|argument| object_fields(&argument.value))
}

/// Rejects an object with too many fields, at any depth of a value.
fn object_fields(value: &Value) -> Result<(), RequestError> {
    match value {
        Value::List(items) => items.iter().try_for_each(|item| object_fields(item)),
        Value::Object(fields) => {
            limits::check(MAX_OBJECT_FIELDS, fields.len(), "fields in one input object")?;
            fields.iter().try_for_each(|(_, value)| object_fields(value))
        }
        _ => Ok(()),
    }
}

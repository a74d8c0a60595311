//! Limits the size of a document before validation: what validation and normalisation visit.
//!
//! The selections of a fragment count wherever it is spread. Each selection is visited once, because the size of a
//! fragment is kept; so this takes no longer than the document is long. Nothing is validated yet: fragments may be missing
//! or form a cycle.

use std::collections::HashMap;

use apollo_compiler::{
    Node,
    ast::{Argument, Definition, DirectiveList, Document, FragmentDefinition, OperationDefinition, Selection, Value},
};

use super::{
    RequestError,
    cost::STRING_BYTES,
    limits::{self, DocumentLimits},
};
use crate::graphql::error::ErrorCode;

/// Fields of one input object in the text of a document. Validation compares the objects of two fields with one response
/// key field by field, each with each. The largest input type has 8 fields.
const MAX_OBJECT_FIELDS: usize = 50;

/// Values in arguments, counted wherever a fragment is spread. For each that is not of its type, validation makes a report
/// of about 1 KB. 10,000 codes to import are as many values.
const MAX_ARGUMENT_VALUES: usize = 50_000;

/// Arguments of one field or directive. The largest field has 5.
const MAX_ARGUMENTS: usize = 50;

/// Look-ups of variables: the uses in an operation times its variables. Validation and execution look through all of them
/// at each use. 1,000 aliased links with a variable each have 1,000,000.
const MAX_LOOKUPS: usize = 5_000_000;

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
    /// Values in arguments.
    values: usize,
    /// Uses of variables.
    uses: usize,
}

impl Size {
    fn plus(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            depth: self.depth.max(other.depth),
            fields: self.fields.saturating_add(other.fields),
            values: self.values.saturating_add(other.values),
            uses: self.uses.saturating_add(other.uses),
        }
    }
}

/// Rejects a document that exceeds its limits, or whose fragments form a cycle.
pub fn check(document: &Document, limits: &DocumentLimits) -> Result<(), RequestError> {
    let fragments = document.definitions.iter().filter_map(Definition::as_fragment_definition);
    let fragments: HashMap<&str, &FragmentDefinition> =
        fragments.map(|fragment| (fragment.name.as_str(), &**fragment)).collect();
    let mut measure = Measure { limits, fragments, sizes: HashMap::new() };
    let (mut whole, mut operations, mut lookups) = (Size::default(), 0, 0_usize);
    for definition in &document.definitions {
        let size = match definition {
            Definition::OperationDefinition(operation) => {
                let size = measure.operation(operation)?;
                operations += 1;
                lookups = lookups.saturating_add(size.uses.saturating_mul(operation.variables.len()));
                size
            }
            Definition::FragmentDefinition(fragment) => measure.fragment(fragment)?,
            _ => continue,
        };
        whole = whole.plus(size);
    }
    limits::check(limits.operations, operations, "operations")?;
    limits::check(limits.depth, whole.depth + 1, "nested selection sets")?;
    limits::check(limits.selections, whole.selections, "selections, counting a fragment's wherever it is spread")?;
    limits::check(limits.aliases, whole.aliases, "aliases, counting a fragment's wherever it is spread")?;
    limits::check(limits.directives, whole.directives, "directives, counting a fragment's wherever it is spread")?;
    limits::check(
        MAX_ARGUMENT_VALUES,
        whole.values,
        "values in arguments, counting a fragment's wherever it is spread",
    )?;
    limits::check(MAX_LOOKUPS, lookups, "look-ups of variables: uses times variables")
}

struct Measure<'a> {
    limits: &'a DocumentLimits,
    fragments: HashMap<&'a str, &'a FragmentDefinition>,
    /// The sizes of fragments, `None` for one that is being measured.
    sizes: HashMap<&'a str, Option<Size>>,
}

impl<'a> Measure<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Size, RequestError> {
        limits::check(self.limits.variables, operation.variables.len(), "variables in one operation")?;
        operation.name.iter().try_for_each(|name| self.name(name))?;
        let mut size = self.set(&operation.selection_set, 1)?;
        limits::check(self.limits.root_fields, size.fields, "fields at the root of one operation")?;
        size = size.plus(directives(&operation.directives)?);
        for variable in &operation.variables {
            self.name(&variable.name)?;
            size = size.plus(directives(&variable.directives)?);
            if let Some(default) = &variable.default_value {
                size = size.plus(value(default)?);
            }
        }
        Ok(size)
    }

    /// Validation visits each fragment once by itself, in addition to each spread.
    fn fragment(&mut self, fragment: &'a FragmentDefinition) -> Result<Size, RequestError> {
        self.name(&fragment.name)?;
        let size = self.spread(&fragment.name, 1)?;
        Ok(Size { aliases: 0, directives: 0, values: 0, uses: 0, ..size }.plus(directives(&fragment.directives)?))
    }

    fn set(&mut self, selections: &'a [Selection], depth: usize) -> Result<Size, RequestError> {
        // Also bounds this recursion.
        limits::check(self.limits.depth, depth, "nested selection sets")?;
        let mut total = Size::default();
        for selection in selections {
            total = total.plus(self.selection(selection, depth)?);
        }
        Ok(total)
    }

    fn selection(&mut self, selection: &'a Selection, depth: usize) -> Result<Size, RequestError> {
        let below = match selection {
            Selection::Field(field) => {
                self.name(field.response_name())?;
                let below = match &field.selection_set[..] {
                    [] => Size::default(),
                    set => nested(self.set(set, depth + 1)?),
                };
                let own = Size { fields: 1, aliases: field.alias.is_some().into(), ..arguments(&field.arguments)? };
                Size { fields: 0, ..below }.plus(own).plus(directives(&field.directives)?)
            }
            Selection::FragmentSpread(spread) => {
                nested(self.spread(&spread.fragment_name, depth + 1)?).plus(directives(&spread.directives)?)
            }
            Selection::InlineFragment(fragment) => {
                nested(self.set(&fragment.selection_set, depth + 1)?).plus(directives(&fragment.directives)?)
            }
        };
        Ok(below.plus(Size { selections: 1, ..Size::default() }))
    }

    fn spread(&mut self, name: &'a str, depth: usize) -> Result<Size, RequestError> {
        match self.sizes.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let message = format!("The fragment \"{name}\" spreads itself, directly or through other fragments.");
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

/// A selection set, seen from the selection that has it.
const fn nested(set: Size) -> Size {
    Size { depth: set.depth + 1, ..set }
}

fn directives(directives: &DirectiveList) -> Result<Size, RequestError> {
    let own = Size { directives: directives.len(), ..Size::default() };
    directives.iter().try_fold(own, |size, directive| Ok(size.plus(arguments(&directive.arguments)?)))
}

fn arguments(arguments: &[Node<Argument>]) -> Result<Size, RequestError> {
    limits::check(MAX_ARGUMENTS, arguments.len(), "arguments of one field or directive")?;
    arguments.iter().try_fold(Size::default(), |size, argument| Ok(size.plus(value(&argument.value)?)))
}

/// The size of a value. Rejects an object with too many fields.
fn value(given: &Value) -> Result<Size, RequestError> {
    let mut size = Size { values: 1, ..Size::default() };
    match given {
        Value::Variable(_) => size.uses = 1,
        Value::String(text) => size.values += text.len() / STRING_BYTES,
        Value::List(items) => {
            for item in items {
                size = size.plus(value(item)?);
            }
        }
        Value::Object(fields) => {
            limits::check(MAX_OBJECT_FIELDS, fields.len(), "fields in one input object")?;
            for (_, field) in fields {
                size = size.plus(value(field)?);
            }
        }
        _ => {}
    }
    Ok(size)
}

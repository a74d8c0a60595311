//! Limits the size of a document before validation, because validation and normalisation visit all of it.
//!
//! The selections of a fragment count wherever it is spread. The size of each fragment is cached, so each selection is visited
//! once and the time is linear in the length of the document. Nothing is validated yet: fragments may be missing or form a
//! cycle.

use std::collections::HashMap;

use apollo_compiler::{
    Node,
    ast::{Argument, Definition, DirectiveList, Document, FragmentDefinition, OperationDefinition, Selection, Value},
};

use super::{
    RequestError,
    cost::STRING_BYTES,
    document_limits::{self, Counted, DocumentLimits, LimitExceeded},
};
use crate::graphql::error::ErrorCode;

/// Fields of one input object in the text of a document. For two fields with the same response key, validation compares each
/// field of one object with each of the other. The largest input type has 8 fields.
const MAX_INPUT_FIELDS: usize = 50;

/// Values in arguments, counted wherever a fragment is spread. For each value of the wrong type, validation produces a report
/// of about 1 KB. An import of 10,000 codes has 10,000 values.
const MAX_ARGUMENT_VALUES: usize = 50_000;

/// Arguments of one field or directive. The largest field has 5.
const MAX_ARGUMENTS: usize = 50;

/// Lookups of variables: the uses in an operation times its variables. Validation and execution search all variables at each
/// use. 1,000 aliased links with a variable each have 1,000,000.
const MAX_VARIABLE_LOOKUPS: usize = 5_000_000;

/// The size of a selection, including everything below it.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    selections: usize,
    aliases: usize,
    directives: usize,
    /// Nested selection sets below this one.
    depth: usize,
    /// Fields of the object itself, after fragments are expanded.
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
    let mut meter = SizeMeter { limits, fragments, sizes: HashMap::new() };
    let (mut whole, mut operations, mut lookups) = (Size::default(), 0, 0_usize);
    for definition in &document.definitions {
        let size = match definition {
            Definition::OperationDefinition(operation) => {
                let size = meter.operation(operation)?;
                operations += 1;
                lookups = lookups.saturating_add(size.uses.saturating_mul(operation.variables.len()));
                size
            }
            Definition::FragmentDefinition(fragment) => meter.fragment(fragment)?,
            _ => continue,
        };
        whole = whole.plus(size);
    }
    document_limits::check(Counted::Operations, limits.operations, operations)?;
    document_limits::check(Counted::Depth, limits.depth, whole.depth + 1)?;
    document_limits::check(Counted::Selections, limits.selections, whole.selections)?;
    document_limits::check(Counted::Aliases, limits.aliases, whole.aliases)?;
    document_limits::check(Counted::Directives, limits.directives, whole.directives)?;
    document_limits::check(Counted::ArgumentValues, MAX_ARGUMENT_VALUES, whole.values)?;
    document_limits::check(Counted::VariableLookups, MAX_VARIABLE_LOOKUPS, lookups)?;
    Ok(())
}

struct SizeMeter<'a> {
    limits: &'a DocumentLimits,
    fragments: HashMap<&'a str, &'a FragmentDefinition>,
    /// The sizes of fragments. `None` marks a fragment that is being measured.
    sizes: HashMap<&'a str, Option<Size>>,
}

impl<'a> SizeMeter<'a> {
    fn operation(&mut self, operation: &'a OperationDefinition) -> Result<Size, RequestError> {
        document_limits::check(Counted::Variables, self.limits.variables, operation.variables.len())?;
        operation.name.iter().try_for_each(|name| self.name(name))?;
        let mut size = self.set(&operation.selection_set, 1)?;
        document_limits::check(Counted::RootFields, self.limits.root_fields, size.fields)?;
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

    /// The size of a fragment by itself: validation visits it once, in addition to each spread.
    fn fragment(&mut self, fragment: &'a FragmentDefinition) -> Result<Size, RequestError> {
        self.name(&fragment.name)?;
        let size = self.spread(&fragment.name, 1)?;
        Ok(Size { aliases: 0, directives: 0, values: 0, uses: 0, ..size }.plus(directives(&fragment.directives)?))
    }

    fn set(&mut self, selections: &'a [Selection], depth: usize) -> Result<Size, RequestError> {
        // Also limits this recursion.
        if depth > self.limits.depth {
            return Err(LimitExceeded::uncounted(Counted::Depth, self.limits.depth).into());
        }
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

    fn name(&self, name: &str) -> Result<(), LimitExceeded> {
        document_limits::check(Counted::NameBytes, self.limits.name, name.len())
    }
}

/// The size of a selection set as part of the selection that contains it.
const fn nested(set: Size) -> Size {
    Size { depth: set.depth + 1, ..set }
}

fn directives(directives: &DirectiveList) -> Result<Size, LimitExceeded> {
    let own = Size { directives: directives.len(), ..Size::default() };
    directives.iter().try_fold(own, |size, directive| Ok(size.plus(arguments(&directive.arguments)?)))
}

fn arguments(arguments: &[Node<Argument>]) -> Result<Size, LimitExceeded> {
    document_limits::check(Counted::Arguments, MAX_ARGUMENTS, arguments.len())?;
    arguments.iter().try_fold(Size::default(), |size, argument| Ok(size.plus(value(&argument.value)?)))
}

/// The size of a value. Rejects an object with too many fields.
fn value(given: &Value) -> Result<Size, LimitExceeded> {
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
            document_limits::check(Counted::InputFields, MAX_INPUT_FIELDS, fields.len())?;
            for (_, field) in fields {
                size = size.plus(value(field)?);
            }
        }
        _ => {}
    }
    Ok(size)
}

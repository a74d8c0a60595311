//! The fields that an operation selects of an object, by response key and in document order, with fragments expanded (GraphQL
//! specification, section 6.3.2, CollectFields).

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Argument, Value},
    collections::{HashSet, IndexMap},
    executable::{DirectiveList, Field, Selection, SelectionSet},
    response::{JsonMap, JsonValue},
    schema::ExtendedType,
};

/// The selections of a document.
pub struct Selections<'a> {
    pub schema: &'a Schema,
    pub document: &'a ExecutableDocument,
    /// The coerced values of the variables. If `None`, `@skip` and `@include` exclude nothing.
    pub variables: Option<&'a JsonMap>,
}

/// Fields by response key.
pub type Fields<'a> = IndexMap<&'a Name, Vec<&'a Node<Field>>>;

/// A variable is null where null is not permitted. Validation accepts a nullable variable with a default value there (section
/// 5.8.5).
#[derive(Debug, thiserror::Error)]
#[error("The variable \"${0}\" is null where null is not permitted: set or omit it.")]
pub struct NullVariable(pub Name);

impl<'a> Selections<'a> {
    /// The member types of a union, or `None` for an object type. The schema has no interfaces.
    pub fn members(&self, type_name: &str) -> Option<impl Iterator<Item = &'a Name> + use<'a>> {
        let ExtendedType::Union(union) = self.schema.types.get(type_name)? else { return None };
        Some(union.members.iter().map(|member| &member.name))
    }

    /// The fields that these sets select of an object of this type.
    pub fn fields(&self, type_name: &Name, sets: &[&'a SelectionSet]) -> Result<Fields<'a>, NullVariable> {
        let (mut fields, mut visited) = (Fields::default(), HashSet::default());
        for set in sets {
            self.collect(type_name, set, &mut fields, &mut visited)?;
        }
        Ok(fields)
    }

    fn collect(
        &self,
        type_name: &Name,
        set: &'a SelectionSet,
        fields: &mut Fields<'a>,
        visited: &mut HashSet<&'a Name>,
    ) -> Result<(), NullVariable> {
        for selection in &set.selections {
            if !self.is_included(selection.directives())? {
                continue;
            }
            let (condition, set) = match selection {
                Selection::Field(field) => {
                    fields.entry(field.response_key()).or_default().push(field);
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
    fn is_included(&self, directives: &DirectiveList) -> Result<bool, NullVariable> {
        let skip = self.condition(directives, "skip")?.unwrap_or(false);
        Ok(!skip && self.condition(directives, "include")?.unwrap_or(true))
    }

    /// The condition of `@skip` or `@include`, or `None` if the directive is absent or conditions are ignored.
    fn condition(&self, directives: &DirectiveList, directive: &str) -> Result<Option<bool>, NullVariable> {
        let (Some(variables), Some(directive)) = (self.variables, directives.get(directive)) else { return Ok(None) };
        match directive.specified_argument_by_name("if").map(|condition| &**condition) {
            Some(Value::Variable(name)) => match variables.get(name.as_str()).and_then(JsonValue::as_bool) {
                None => Err(NullVariable(name.clone())),
                condition => Ok(condition),
            },
            condition => Ok(condition.and_then(Value::to_bool)),
        }
    }

    /// A field that differs in name or arguments from the first field with its response key (section 5.3.2), or `None` if there
    /// is no such field.
    ///
    /// apollo-compiler finds these too, but it compares two lists only up to the length of the shorter one, and copies the
    /// arguments of all fields that it finds.
    pub fn conflict(&self, type_name: &Name, sets: &[&'a SelectionSet]) -> Option<&'a Node<Field>> {
        if let Some(mut members) = self.members(type_name) {
            return members.find_map(|member| self.conflict(member, sets));
        }
        // Fails only for conditions that are null, and conditions are ignored here.
        let fields = self.fields(type_name, sets).ok()?;
        fields.into_values().find_map(|fields| {
            let (first, others) = fields.split_first()?;
            let other = others.iter().find(|other| !is_same(first, other));
            other.copied().or_else(|| {
                let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
                self.conflict(&first.selection_set.ty, &sets)
            })
        })
    }
}

fn is_same(left: &Node<Field>, right: &Node<Field>) -> bool {
    let same_argument = |argument: &Argument| {
        let other = right.specified_argument_by_name(&argument.name);
        other.is_some_and(|other| is_same_value(&argument.value, other))
    };
    left.ptr_eq(right)
        || left.name == right.name
            && left.arguments.len() == right.arguments.len()
            && left.arguments.iter().all(|argument| same_argument(argument))
}

/// Whether two values are the same. The order of the fields of an object does not matter.
fn is_same_value(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same_value(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| {
                    right.iter().any(|(other, other_value)| name == other && is_same_value(value, other_value))
                })
        }
        (left, right) => left == right,
    }
}

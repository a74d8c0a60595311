//! Access: the roles that an operation requires. Each field states its minimum role in the schema, by the directive
//! `@access`; a field without it is denied to every role.
//!
//! A selection counts even if `@skip` or `@include` excludes it.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Node,
    executable::{Field, Operation, Selection, SelectionSet},
};

use super::{RequestError, RequestErrorKind, documents::Document};
use crate::{auth::Role, graphql::error};

/// The role requirements of an operation: each field that raises the minimum role, in document order. The role is `None`
/// if no role may select the field.
pub struct Requirements(Vec<(Option<Role>, Restricted)>);

/// A field that not every role may select.
struct Restricted {
    /// The field's full name, such as `Query.campaigns`.
    name: String,
    /// The byte at which the document selects it.
    offset: usize,
}

impl Requirements {
    /// The requirements of an operation of a document.
    pub fn of(document: &ExecutableDocument, operation: &Operation) -> Self {
        let mut walk = Walk { document, visited: HashSet::new(), requirements: Vec::new() };
        walk.set(&operation.selection_set);
        Self(walk.requirements)
    }

    /// Rejects a role that may not select one of the fields, and names the first.
    pub fn check(&self, role: Role, document: &Document) -> Result<(), RequestError> {
        let above = |minimum: &Option<Role>| minimum.is_none_or(|minimum| role < minimum);
        let Some((_, field)) = self.0.iter().find(|(minimum, _)| above(minimum)) else { return Ok(()) };
        let position = document.position(field.offset);
        let error = error::forbidden(&field.name, format_args!("the credential's role is {role}"));
        Err(RequestError::new(RequestErrorKind::Forbidden, error.into_server_error(position)))
    }
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    visited: HashSet<&'a str>,
    requirements: Vec<(Option<Role>, Restricted)>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            match selection {
                // Introspection is for every role.
                Selection::Field(field) if field.name.starts_with("__") => {}
                Selection::Field(field) => {
                    self.field(&set.ty, field);
                    self.set(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.visited.insert(&spread.fragment_name)
                    {
                        self.set(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn field(&mut self, type_name: &str, field: &Node<Field>) {
        let minimum = minimum_role(field);
        let raises = match (self.requirements.last(), minimum) {
            (None, _) | (Some((Some(_), _)), None) => true,
            (Some((Some(before), _)), Some(minimum)) => minimum > *before,
            (Some((None, _)), _) => false,
        };
        if raises && !is_part_of_list(type_name, &field.name) {
            let offset = field.location().map_or(0, |location| location.offset());
            self.requirements.push((minimum, Restricted { name: format!("{type_name}.{}", field.name), offset }));
        }
    }
}

/// The minimum role that a field states, or `None` if it states no role.
fn minimum_role(field: &Field) -> Option<Role> {
    let access = field.definition.directives.get("access")?;
    let name = access.specified_argument_by_name("role")?.as_enum()?;
    Role::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(name))
}

/// Whether a field is a part of a list, such as `PromotionConnection.nodes`. async-graphql makes these types, without
/// `@access`; the field that has the list states it, and so do those of its nodes.
fn is_part_of_list(type_name: &str, field: &str) -> bool {
    match field {
        "nodes" | "edges" | "pageInfo" => type_name.ends_with("Connection"),
        "node" | "cursor" => type_name.ends_with("Edge"),
        "hasNextPage" | "hasPreviousPage" | "startCursor" | "endCursor" => type_name == "PageInfo",
        _ => false,
    }
}

//! The roles that an operation requires. The directive `@access` in the schema states the minimum role of each field; a field
//! without it is denied to every role.
//!
//! Fields that `@skip` or `@include` excludes are checked too.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Node,
    executable::{Field, Operation, Selection, SelectionSet},
};

use super::{RequestError, RequestErrorKind, document::Document};
use crate::{auth::Role, graphql::error};

/// The role requirements of an operation: each field that raises the minimum role, in document order.
pub struct Requirements(Vec<Requirement>);

struct Requirement {
    /// `None` if no role may select the field.
    minimum: Option<Role>,
    /// The field's full name, such as `Query.campaigns`.
    field: String,
    /// The byte offset of the selection.
    offset: usize,
}

impl Requirements {
    /// Collects the requirements of an operation of a document.
    pub fn of(document: &ExecutableDocument, operation: &Operation) -> Self {
        let mut walk = Walk { document, visited: HashSet::new(), requirements: Vec::new() };
        walk.set(&operation.selection_set);
        Self(walk.requirements)
    }

    /// Rejects a role that may not select all fields. The error names the first field that it may not select.
    pub fn check(&self, role: Role, document: &Document) -> Result<(), RequestError> {
        let is_denied = |requirement: &&Requirement| requirement.minimum.is_none_or(|minimum| role < minimum);
        let Some(Requirement { field, offset, .. }) = self.0.iter().find(is_denied) else { return Ok(()) };
        let position = document.position(*offset);
        let error = error::forbidden(field, format_args!("the credential's role is {role}"));
        Err(RequestError::new(RequestErrorKind::Forbidden, error.into_server_error(position)))
    }
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    visited: HashSet<&'a str>,
    requirements: Vec<Requirement>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, set: &'a SelectionSet) {
        for selection in &set.selections {
            match selection {
                // Validation decides on introspection.
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
        let raises = match (self.requirements.last().map(|last| last.minimum), minimum) {
            (None, _) | (Some(Some(_)), None) => true,
            (Some(Some(before)), Some(minimum)) => minimum > before,
            (Some(None), _) => false,
        };
        if raises && !is_part_of_list(type_name, &field.name) {
            let offset = field.location().map_or(0, |location| location.offset());
            self.requirements.push(Requirement { minimum, field: format!("{type_name}.{}", field.name), offset });
        }
    }
}

/// The minimum role of a field, or `None` if the schema states none.
fn minimum_role(field: &Field) -> Option<Role> {
    let access = field.definition.directives.get("access")?;
    let name = access.specified_argument_by_name("role")?.as_enum()?;
    Role::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(name))
}

/// Whether a field is part of a list, such as `PromotionConnection.nodes`. async-graphql generates these types, without
/// `@access`. The field that returns the list has it, and so have the fields of its nodes.
fn is_part_of_list(type_name: &str, field: &str) -> bool {
    match field {
        "nodes" | "edges" | "pageInfo" => type_name.ends_with("Connection"),
        "node" | "cursor" => type_name.ends_with("Edge"),
        "hasNextPage" | "hasPreviousPage" | "startCursor" | "endCursor" => type_name == "PageInfo",
        _ => false,
    }
}

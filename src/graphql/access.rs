//! Who may ask for which field. Each field says it beside its resolver, by the directive `access`, which the schema's text
//! shows; what a document asks for is held against that text before anything of it is executed. A field that says
//! nothing is nobody's.

use std::collections::HashSet;

use async_graphql::{
    Enum, Pos, TypeDirective,
    parser::types::{BaseType, ExecutableDocument, Selection, SelectionSet, Type},
};

use super::{
    completion::{chosen, root_of},
    text::SchemaText,
};
use crate::auth;

/// What a caller may do, as its credential says. Each role may do all that those before it may.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
// Graphs that this one is composed with may have a Role of their own, and have no use for this one.
#[graphql(remote = "crate::auth::Role", name = "AccessRole", inaccessible)]
pub enum Role {
    /// An app in the hands of strangers, by an API key: links codes, and learns nothing of those that it can't link.
    Storefront,
    /// A shopper's own session, by a signed token: links for that customer alone, and reads that customer's wallet alone.
    Customer,
    /// A backend, by an API key: links, unlinks, redeems, and reads any customer's wallet.
    Service,
    /// Whoever runs the organisation's promotions, by an API key: everything, campaigns and codes too.
    Admin,
}

/// The least role that may ask for the field.
#[TypeDirective(location = "FieldDefinition")]
pub fn access(role: Role) {}

/// A field that the caller may not ask for.
#[derive(Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The field's full name.
    pub field: String,
    /// Where the document asks for it.
    pub position: Pos,
}

/// The first field of an operation that a role may not ask for. What the schema does not have is left to validation.
pub fn forbidden(
    schema: &SchemaText,
    document: &ExecutableDocument,
    operation: Option<&str>,
    role: auth::Role,
) -> Option<Forbidden> {
    let operation = chosen(document, operation)?;
    let mut walk = Walk { schema, document, role, visited: HashSet::new() };
    walk.set(root_of(operation), &operation.selection_set.node)
}

struct Walk<'a> {
    schema: &'a SchemaText,
    document: &'a ExecutableDocument,
    role: auth::Role,
    /// Each fragment is looked at once: it is always about the same type.
    visited: HashSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, type_name: &str, set: &'a SelectionSet) -> Option<Forbidden> {
        set.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => {
                let name = &field.node.name.node;
                let asked = self.schema.fields(type_name)?.get(name)?;
                if !is_list_part(type_name, name) && asked.role.is_none_or(|least| self.role < least) {
                    return Some(Forbidden { field: format!("{type_name}.{name}"), position: field.pos });
                }
                self.set(name_of(&asked.ty), &field.node.selection_set.node)
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = &self.document.fragments.get(name)?.node;
                let new = self.visited.insert(name);
                new.then(|| self.set(&fragment.type_condition.node.on.node, &fragment.selection_set.node)).flatten()
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref().map(|condition| condition.node.on.node.as_str());
                self.set(condition.unwrap_or(type_name), &fragment.node.selection_set.node)
            }
        })
    }
}

/// Whether a field is a part of a list, such as `PromotionConnection.nodes`. The library makes these, and they say
/// nothing of access: the field that has the list and those of its nodes do.
fn is_list_part(type_name: &str, field: &str) -> bool {
    match field {
        "nodes" | "edges" | "pageInfo" => type_name.ends_with("Connection"),
        "node" | "cursor" => type_name.ends_with("Edge"),
        "hasNextPage" | "hasPreviousPage" | "startCursor" | "endCursor" => type_name == "PageInfo",
        _ => false,
    }
}

/// The name of a type, or of what it is a list of.
fn name_of(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => name_of(item),
    }
}

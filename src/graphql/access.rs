//! Who may ask for which field. Each field says it beside its resolver, by the directive `access`, which the schema's text
//! shows; what a document asks for is held against that text before anything of it is executed. A field that says
//! nothing is nobody's.

use std::collections::HashSet;

use async_graphql::{
    Enum, Pos, TypeDirective,
    parser::types::{OperationDefinition, Selection, SelectionSet},
};

use super::{completion::root_of, shape::Selections};
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

/// What an operation asks for: each field that takes a higher role than all before it, and that role. `None`: nobody may
/// ask for it.
pub struct Demands(Vec<(Option<auth::Role>, Forbidden)>);

impl Demands {
    /// What an operation of a document asks for. What the schema does not have is left to validation.
    pub fn of(selections: Selections<'_>, operation: &OperationDefinition) -> Self {
        let mut walk = Walk { selections, visited: HashSet::new(), demands: Vec::new() };
        walk.set(root_of(operation), &operation.selection_set.node);
        Self(walk.demands)
    }

    /// The first field that a role may not ask for.
    pub fn forbidden(&self, role: auth::Role) -> Option<&Forbidden> {
        let above = |least: &Option<auth::Role>| least.is_none_or(|least| role < least);
        self.0.iter().find(|(least, _)| above(least)).map(|(_, forbidden)| forbidden)
    }
}

struct Walk<'a> {
    selections: Selections<'a>,
    /// Each fragment is looked at once: it is always about the same type.
    visited: HashSet<&'a str>,
    demands: Vec<(Option<auth::Role>, Forbidden)>,
}

impl<'a> Walk<'a> {
    fn set(&mut self, type_name: &str, set: &'a SelectionSet) {
        let Selections { schema, document } = self.selections;
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let name = &field.node.name.node;
                    let Some(asked) = schema.fields(type_name).and_then(|fields| fields.get(name)) else { continue };
                    if !is_list_part(type_name, name) && self.raises(asked.role) {
                        let forbidden = Forbidden { field: format!("{type_name}.{name}"), position: field.pos };
                        self.demands.push((asked.role, forbidden));
                    }
                    self.set(asked.type_name(), &field.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && self.visited.insert(name)
                    {
                        let fragment = &fragment.node;
                        self.set(&fragment.type_condition.node.on.node, &fragment.selection_set.node);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let type_name = condition.map_or(type_name, |condition| condition.node.on.node.as_str());
                    self.set(type_name, &fragment.node.selection_set.node);
                }
            }
        }
    }

    /// Whether a role is higher than all that were asked for before.
    fn raises(&self, least: Option<auth::Role>) -> bool {
        match (self.demands.last(), least) {
            (None, _) | (Some((Some(_), _)), None) => true,
            (Some((Some(before), _)), Some(least)) => least > *before,
            (Some((None, _)), _) => false,
        }
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

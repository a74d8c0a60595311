//! The directive `@access`: each field states the minimum role that may select it. The engine enforces it before anything is
//! executed, and denies a field without it to every role.

use async_graphql::{Enum, TypeDirective};

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

//! The directive `@access`: each field states the minimum role that may select it. The engine enforces it before anything is
//! executed, and denies a field without it to every role.
//!
//! Introspection does not show directives, so that the description of each field ends with it: "Access: service and above."
//! A test compares the two.

use async_graphql::{Enum, TypeDirective};

/// The role of a credential. Each role may do everything that the roles before it may do. The description of each field
/// ends with the lowest role that may select it.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
// Graphs that this one is composed with may have a Role of their own, and have no use for this one.
#[graphql(remote = "crate::auth::Role", name = "AccessRole", inaccessible)]
pub enum Role {
    /// An API key in an app that strangers can take apart. Links codes, and nothing else. For a code that it can't
    /// link, it does not learn the reason.
    Storefront,
    /// A signed token of one shopper. Links codes for that customer, and reads that customer's promotions. For a code
    /// that it can't link, it does not learn the reason.
    Customer,
    /// An API key of a backend. Links, unlinks, redeems and reads promotions of any customer.
    Service,
    /// An API key of those who run the organisation's promotions. Does everything, including campaigns and codes.
    Admin,
}

/// The minimum role that may select the field. A document that selects a field above the role of its credential is
/// rejected with FORBIDDEN.
#[TypeDirective(location = "FieldDefinition")]
pub fn access(role: Role) {}

//! The directive `@access`: each field states the minimum role that may select it. The engine enforces it before anything is
//! executed, and denies a field without it to every role.
//!
//! Introspection does not show directives, so that the description of each field ends with it: "Access: service and above."
//! A test compares the two.

use async_graphql::{Enum, TypeDirective};

/// The role of a credential. The roles are listed from the lowest to the highest; each one includes the permissions of
/// the roles before it. The description of each field ends with the lowest role that may select it.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
// Graphs that this one is composed with may have a Role of their own, and have no use for this one.
#[graphql(remote = "crate::auth::Role", name = "AccessRole", inaccessible)]
pub enum Role {
    /// An API key in a public app, from which it can be extracted. It can only link codes, and is not told why a code
    /// can't be linked.
    Storefront,
    /// A signed token that identifies one shopper. It can link codes for that customer and read that customer's
    /// promotions, and is not told why a code can't be linked.
    Customer,
    /// An API key of a backend. It can link codes for any customer, and read, redeem and unlink any customer's
    /// promotions.
    Service,
    /// An API key of an administrator. It has all permissions, including the management of campaigns and codes.
    Admin,
}

/// The lowest role that may select the field. A document with a field that the credential's role may not select is
/// rejected with FORBIDDEN.
#[TypeDirective(location = "FieldDefinition")]
pub fn access(role: Role) {}

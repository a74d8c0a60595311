//! The caller, as a credential tells.

use std::fmt;

use super::ApiKeyId;
use crate::promotions::{CustomerId, OrgId};

/// What a caller may do. Each role may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// An app in the hands of strangers: links codes, and learns nothing of those that it can't link.
    Storefront,
    /// A shopper's own session: links for that customer alone, reads that customer's wallet alone, and learns no more
    /// of codes than a storefront does.
    Customer,
    /// A backend: links, unlinks, redeems and reads for any customer.
    Service,
    /// Whoever runs the organisation's promotions: everything, campaigns and codes too.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Storefront, Self::Customer, Self::Service, Self::Admin];

    /// The role as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Storefront => "storefront",
            Self::Customer => "customer",
            Self::Service => "service",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the caller showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// Nothing: a server to try asks for nothing.
    None,
    /// An API key.
    ApiKey(ApiKeyId),
    /// A token of this customer's. All tokens of one customer are one credential.
    Customer(CustomerId),
}

/// The caller, as a credential tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The organisation whose data the caller sees, and no other's.
    pub org: OrgId,
    /// What the caller may do there.
    pub role: Role,
    /// What the caller showed.
    pub credential: Credential,
}

impl Principal {
    /// The one customer whom the caller may act for and read, if it is not any.
    #[must_use]
    pub const fn only_customer(&self) -> Option<CustomerId> {
        match self.credential {
            Credential::Customer(customer) => Some(customer),
            Credential::None | Credential::ApiKey(_) => None,
        }
    }

    /// Whether the caller may know why a code can't be linked.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.role >= Role::Service
    }
}

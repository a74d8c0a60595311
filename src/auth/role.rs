//! Roles: what callers may do.

use std::fmt;

/// What a caller may do. Each role includes the permissions of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// An app on devices of the public: links codes, and learns nothing about those that it can't link.
    Storefront,
    /// A shopper's own session: links for that customer only, reads that customer's wallet only, and learns no more about
    /// codes than a storefront.
    Customer,
    /// A backend: links, unlinks, redeems and reads for any customer.
    Service,
    /// The operator of the organisation's promotions: everything, including campaigns and codes.
    Admin,
}

impl Role {
    /// All roles, the lowest first.
    pub const ALL: [Self; 4] = [Self::Storefront, Self::Customer, Self::Service, Self::Admin];

    /// The role's name in settings and logs.
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

/// The role of an API key. Customers have tokens instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// [`Role::Admin`].
    Admin,
    /// [`Role::Service`].
    Service,
    /// [`Role::Storefront`].
    Storefront,
}

impl KeyRole {
    /// The role's name on the command line and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Service => "service",
            Self::Storefront => "storefront",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Admin, Self::Service, Self::Storefront].into_iter().find(|role| role.as_str() == text)
    }
}

impl From<KeyRole> for Role {
    fn from(role: KeyRole) -> Self {
        match role {
            KeyRole::Admin => Self::Admin,
            KeyRole::Service => Self::Service,
            KeyRole::Storefront => Self::Storefront,
        }
    }
}

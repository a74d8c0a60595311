//! The authenticated caller.

use super::{api_key::ApiKeyId, role::Role};
use crate::promotions::{Actor, Attribution, CustomerId, OrgId};

/// What authenticates a caller. Limits are counted per credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// Nothing: `promolink dev` requires no credential.
    None,
    /// An API key.
    ApiKey(ApiKeyId),
    /// A token of this customer. All tokens of a customer are one credential.
    Customer(CustomerId),
}

/// An authenticated caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The organisation. The caller has no access to the data of others.
    pub org: OrgId,
    /// What the caller may do in the organisation.
    pub role: Role,
    /// The credential.
    pub credential: Credential,
}

impl Principal {
    /// The only customer that the caller may act for and read; `None` for any customer.
    #[must_use]
    pub const fn only_customer(&self) -> Option<CustomerId> {
        match self.credential {
            Credential::Customer(customer) => Some(customer),
            Credential::None | Credential::ApiKey(_) => None,
        }
    }

    /// The attribution of the changes of a request by this caller.
    #[must_use]
    pub fn attribution(&self, request_id: Option<&str>) -> Attribution {
        let actor = match self.credential {
            Credential::None => Actor::Operator,
            Credential::ApiKey(id) => Actor::ApiKey(id.get()),
            Credential::Customer(customer) => Actor::Customer(customer),
        };
        Attribution { request_id: request_id.map(Into::into), ..Attribution::to(actor) }
    }

    /// Whether the caller may know why a code can't be linked.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.role >= Role::Service
    }
}

//! Who is calling, for which organisation.

use crate::promotions::OrgId;

/// The caller, as a credential tells.
#[derive(Debug, Clone, Copy)]
pub struct Principal {
    /// The organisation whose data the caller sees, and no other's.
    pub org: OrgId,
}

//! Rows of `organisations` and `api_keys`.

use diesel::prelude::*;

use super::{Id, corrupt};
use crate::{
    auth::{ApiKey, KeyHash, KeyRole},
    promotions::{OrgId, StoreError, Timestamp},
    store::schema::{api_keys, organisations},
};

/// A row of `organisations`.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = organisations)]
pub struct OrganisationRow {
    org_id: i64,
    created_on: i64,
}

impl OrganisationRow {
    /// An organisation that is created now.
    pub const fn new(org: OrgId, now: Timestamp) -> Self {
        Self { org_id: org.get(), created_on: now.millis() }
    }
}

/// A row of `api_keys`.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys)]
pub struct ApiKeyRow {
    org_id: i64,
    id: Id,
    role: String,
    name: String,
    secret_hash: Vec<u8>,
    created_on: i64,
    expires_on: Option<i64>,
    revoked_on: Option<i64>,
    last_used_on: Option<i64>,
}

impl From<&ApiKey> for ApiKeyRow {
    fn from(key: &ApiKey) -> Self {
        Self {
            org_id: key.org.get(),
            id: Id(key.id.get()),
            role: key.role.as_str().to_owned(),
            name: key.name.clone(),
            secret_hash: key.hash.as_bytes().to_vec(),
            created_on: key.created_on.millis(),
            expires_on: key.expires_on.map(Timestamp::millis),
            revoked_on: key.revoked_on.map(Timestamp::millis),
            last_used_on: key.last_used_on.map(Timestamp::millis),
        }
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        let hash = row.secret_hash.try_into().map_err(|_| corrupt("a hash of the wrong length"))?;
        Ok(Self {
            org: row.org_id.try_into()?,
            id: row.id.0.into(),
            role: KeyRole::from_text(&row.role).ok_or_else(|| corrupt("an unknown role"))?,
            name: row.name,
            hash: KeyHash::from_stored(hash),
            created_on: Timestamp::from_millis(row.created_on),
            expires_on: row.expires_on.map(Timestamp::from_millis),
            revoked_on: row.revoked_on.map(Timestamp::from_millis),
            last_used_on: row.last_used_on.map(Timestamp::from_millis),
        })
    }
}

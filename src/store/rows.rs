//! Rows of the tables, and their conversion to and from domain types. The same for both databases.

mod api_keys;
mod campaigns;
mod codes;
mod events;
mod promotions;
mod redemptions;
mod webhooks;

use std::{io::Write, sync::Arc};

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::Pg,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::Binary,
    sqlite::Sqlite,
};
use uuid::Uuid;

pub use self::{
    api_keys::{ApiKeyRow, OrganisationRow},
    campaigns::{CampaignChanges, CampaignRow, CampaignWithContentRow, ContentRow, contents_by_id},
    codes::{CodeRow, NewCodeRow, code_key, key_columns},
    events::{EventRow, NewEventRow, actor_to_db, event_type_to_db},
    promotions::{HoldRow, NewPromotionRow, PromotionRow},
    redemptions::RedemptionRow,
    webhooks::{BacklogRow, EndpointRow, backlogs, endpoints_to_serve},
};
use super::schema::PublicId;
use crate::promotions::{OutOfRange, PromotionMode, StoreError};

/// A public id as a database value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow, AsExpression)]
#[diesel(sql_type = PublicId)]
pub struct Id(pub Uuid);

impl ToSql<PublicId, Pg> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<PublicId, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<PublicId, Pg> for Id {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(value.as_bytes())?))
    }
}

impl FromSql<PublicId, Sqlite> for Id {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(Uuid::from_slice(&<Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?)?))
    }
}

/// The database contains a value that the domain does not have: it was edited by hand, or is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the database contains an invalid value: {0}")]
struct Corrupt(&'static str);

/// The error for an invalid value in the database.
pub fn corrupt(what: &'static str) -> StoreError {
    StoreError::Failed(Arc::new(Corrupt(what)))
}

impl From<OutOfRange> for StoreError {
    fn from(_: OutOfRange) -> Self {
        corrupt("a number out of range")
    }
}

impl From<std::num::TryFromIntError> for StoreError {
    fn from(_: std::num::TryFromIntError) -> Self {
        corrupt("a number out of range")
    }
}

/// The stored form of a mode.
pub const fn mode_to_db(mode: PromotionMode) -> i16 {
    match mode {
        PromotionMode::Discount => 1,
        PromotionMode::PaymentVoucher => 2,
    }
}

fn mode_from_db(mode: i16) -> Result<PromotionMode, StoreError> {
    match mode {
        1 => Ok(PromotionMode::Discount),
        2 => Ok(PromotionMode::PaymentVoucher),
        _ => Err(corrupt("an unknown mode")),
    }
}

/// The stored form of a count or limit. Larger values than the column can hold are stored as its maximum.
pub fn count_to_db(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Converts rows to domain values.
pub fn into_domain<Row, Thing>(rows: Vec<Row>) -> Result<Vec<Thing>, StoreError>
where
    Thing: TryFrom<Row, Error = StoreError>,
{
    rows.into_iter().map(TryInto::try_into).collect()
}

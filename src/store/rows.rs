//! Rows as the tables hold them, and their way to and from the domain. The same for both databases.

use std::{io::Write, sync::Arc};

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::Pg,
    prelude::*,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::Binary,
    sqlite::Sqlite,
};
use uuid::Uuid;

use super::schema::{PublicId, campaigns, promotion_codes, promotions, redemptions};
use crate::promotions::{
    Campaign, CampaignId, Code, CodeKey, CustomerId, FoldedCode, NewCodes, OrgId, OutOfRange, Promotion, PromotionCode,
    PromotionMode, Redemption, StoreError, Timestamp, TransactionId,
};

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

/// The database holds a value that the domain does not know: someone wrote to it by hand, or it is damaged.
#[derive(Debug, thiserror::Error)]
#[error("the database holds a value that is out of bounds: {0}")]
struct Corrupt(&'static str);

fn corrupt(what: &'static str) -> StoreError {
    StoreError::Failed(Arc::new(Corrupt(what)))
}

impl From<OutOfRange> for StoreError {
    fn from(_: OutOfRange) -> Self {
        corrupt("a number")
    }
}

impl From<std::num::TryFromIntError> for StoreError {
    fn from(_: std::num::TryFromIntError) -> Self {
        corrupt("a number")
    }
}

/// How a mode is stored.
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
        _ => Err(corrupt("a mode")),
    }
}

/// How a count or limit is stored. Those beyond what the column holds are stored as the largest that it does.
pub fn count_to_db(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A row of `campaigns`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = campaigns)]
pub struct CampaignRow {
    org_id: i64,
    id: Id,
    name: String,
    mode: i16,
    active: bool,
    created_on: i64,
    redeemable_from: i64,
    valid_till: i64,
    valid_for_days: Option<i32>,
    max_links_per_customer: Option<i32>,
    max_redemptions_per_link: i32,
}

impl From<&Campaign> for CampaignRow {
    fn from(campaign: &Campaign) -> Self {
        Self {
            org_id: campaign.org.get(),
            id: Id(campaign.id.get()),
            name: campaign.name.clone(),
            mode: mode_to_db(campaign.mode),
            active: campaign.active,
            created_on: campaign.created_on.millis(),
            redeemable_from: campaign.redeemable_from.millis(),
            valid_till: campaign.valid_till.millis(),
            valid_for_days: campaign.valid_for_days.map(count_to_db),
            max_links_per_customer: campaign.max_links_per_customer.map(count_to_db),
            max_redemptions_per_link: count_to_db(campaign.max_redemptions_per_link),
        }
    }
}

impl TryFrom<CampaignRow> for Campaign {
    type Error = StoreError;

    fn try_from(row: CampaignRow) -> Result<Self, StoreError> {
        Ok(Self {
            org: row.org_id.try_into()?,
            id: row.id.0.into(),
            name: row.name,
            mode: mode_from_db(row.mode)?,
            active: row.active,
            created_on: Timestamp::from_millis(row.created_on),
            redeemable_from: Timestamp::from_millis(row.redeemable_from),
            valid_till: Timestamp::from_millis(row.valid_till),
            valid_for_days: row.valid_for_days.map(TryInto::try_into).transpose()?,
            max_links_per_customer: row.max_links_per_customer.map(TryInto::try_into).transpose()?,
            max_redemptions_per_link: row.max_redemptions_per_link.try_into()?,
        })
    }
}

/// A row of `promotion_codes`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = promotion_codes)]
pub struct CodeRow {
    pub org_id: i64,
    pub mode: i16,
    pub folded: String,
    pub code: String,
    pub campaign_id: Id,
    pub created_on: i64,
    pub revoked_on: Option<i64>,
    pub max_links: Option<i32>,
    pub link_count: i32,
}

impl From<&PromotionCode> for CodeRow {
    fn from(code: &PromotionCode) -> Self {
        Self {
            org_id: code.org.get(),
            mode: mode_to_db(code.mode),
            folded: code.code.folded().as_str().to_owned(),
            code: code.code.text().to_owned(),
            campaign_id: Id(code.campaign_id.get()),
            created_on: code.created_on.millis(),
            revoked_on: code.revoked_on.map(Timestamp::millis),
            max_links: code.max_links.map(count_to_db),
            link_count: count_to_db(code.link_count),
        }
    }
}

impl TryFrom<CodeRow> for PromotionCode {
    type Error = StoreError;

    fn try_from(row: CodeRow) -> Result<Self, StoreError> {
        Ok(Self {
            org: row.org_id.try_into()?,
            mode: mode_from_db(row.mode)?,
            code: Code::from_stored(row.code, row.folded),
            campaign_id: row.campaign_id.0.into(),
            created_on: Timestamp::from_millis(row.created_on),
            revoked_on: row.revoked_on.map(Timestamp::from_millis),
            max_links: row.max_links.map(TryInto::try_into).transpose()?,
            link_count: row.link_count.try_into()?,
        })
    }
}

/// A key as the three columns that it is stored in.
pub fn key_columns(key: &CodeKey) -> (i64, i16, String) {
    (key.org.get(), mode_to_db(key.mode), key.folded.as_str().to_owned())
}

/// The key of a code from its three columns.
pub fn code_key(org_id: i64, mode: i16, folded: String) -> Result<CodeKey, StoreError> {
    Ok(CodeKey { org: org_id.try_into()?, mode: mode_from_db(mode)?, folded: FoldedCode::from_stored(folded) })
}

/// A row of `promotion_codes` as it is written: nobody holds it.
#[derive(Debug, Insertable)]
#[diesel(table_name = promotion_codes)]
pub struct NewCodeRow<'a> {
    org_id: i64,
    mode: i16,
    folded: &'a str,
    code: &'a str,
    campaign_id: Id,
    created_on: i64,
    max_links: Option<i32>,
}

impl<'a> NewCodeRow<'a> {
    pub fn new(codes: &NewCodes, code: &'a Code) -> Self {
        Self {
            org_id: codes.org.get(),
            mode: mode_to_db(codes.mode),
            folded: code.folded().as_str(),
            code: code.text(),
            campaign_id: Id(codes.campaign_id.get()),
            created_on: codes.created_on.millis(),
            max_links: codes.max_links.map(count_to_db),
        }
    }
}

/// A row of `promotions` as it is written.
#[derive(Debug, Insertable)]
#[diesel(table_name = promotions)]
pub struct NewPromotionRow {
    pub org_id: i64,
    pub id: Id,
    pub mode: i16,
    pub folded: String,
    pub campaign_id: Id,
    pub customer_id: i64,
    pub created_on: i64,
}

impl From<&Promotion> for NewPromotionRow {
    fn from(promotion: &Promotion) -> Self {
        Self {
            org_id: promotion.campaign.org.get(),
            id: Id(promotion.id.get()),
            mode: mode_to_db(promotion.campaign.mode),
            folded: promotion.code.folded().as_str().to_owned(),
            campaign_id: Id(promotion.campaign.id.get()),
            customer_id: promotion.customer_id.get(),
            created_on: promotion.created_on.millis(),
        }
    }
}

/// A standing hold, as the link rules look at it. Its code and campaign are known already.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = promotions)]
pub struct HoldRow {
    pub org_id: i64,
    pub mode: i16,
    pub folded: String,
    pub customer_id: i64,
    pub id: Id,
    pub created_on: i64,
    pub redemption_count: i32,
}

/// The columns of [`HoldRow`].
pub type HoldColumns = (
    diesel::sql_types::BigInt,
    diesel::sql_types::SmallInt,
    diesel::sql_types::Text,
    diesel::sql_types::BigInt,
    PublicId,
    diesel::sql_types::BigInt,
    diesel::sql_types::Integer,
);

impl HoldRow {
    /// The hold as a promotion of this code.
    pub fn into_promotion(self, code: &PromotionCode, campaign: &Arc<Campaign>) -> Result<Promotion, StoreError> {
        Ok(Promotion {
            id: self.id.0.into(),
            customer_id: self.customer_id.try_into()?,
            code: code.code.clone(),
            created_on: Timestamp::from_millis(self.created_on),
            unlinked_on: None,
            revoked: code.revoked_on.is_some(),
            redemption_count: self.redemption_count.try_into()?,
            campaign: Arc::clone(campaign),
        })
    }
}

/// A promotion with what its code and its campaign say of it: see `promotions_in_full` in the queries.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = promotions)]
pub struct PromotionRow {
    id: Id,
    customer_id: i64,
    created_on: i64,
    unlinked_on: Option<i64>,
    redemption_count: i32,
    #[diesel(select_expression = promotion_codes::code)]
    code: String,
    folded: String,
    #[diesel(select_expression = promotion_codes::revoked_on)]
    revoked_on: Option<i64>,
    #[diesel(embed)]
    campaign: CampaignRow,
}

impl TryFrom<PromotionRow> for Promotion {
    type Error = StoreError;

    fn try_from(row: PromotionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.0.into(),
            customer_id: row.customer_id.try_into()?,
            code: Code::from_stored(row.code, row.folded),
            created_on: Timestamp::from_millis(row.created_on),
            unlinked_on: row.unlinked_on.map(Timestamp::from_millis),
            revoked: row.revoked_on.is_some(),
            redemption_count: row.redemption_count.try_into()?,
            campaign: Arc::new(row.campaign.try_into()?),
        })
    }
}

/// A row of `redemptions`.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = redemptions)]
pub struct RedemptionRow {
    org_id: i64,
    id: Id,
    promotion_id: Id,
    transaction_id: String,
    redeemed_on: i64,
    reversed_on: Option<i64>,
}

impl From<&Redemption> for RedemptionRow {
    fn from(redemption: &Redemption) -> Self {
        Self {
            org_id: redemption.org.get(),
            id: Id(redemption.id.get()),
            promotion_id: Id(redemption.promotion_id.get()),
            transaction_id: redemption.transaction_id.as_str().to_owned(),
            redeemed_on: redemption.redeemed_on.millis(),
            reversed_on: redemption.reversed_on.map(Timestamp::millis),
        }
    }
}

impl TryFrom<RedemptionRow> for Redemption {
    type Error = StoreError;

    fn try_from(row: RedemptionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.0.into(),
            org: row.org_id.try_into()?,
            promotion_id: row.promotion_id.0.into(),
            transaction_id: TransactionId::from_stored(row.transaction_id),
            redeemed_on: Timestamp::from_millis(row.redeemed_on),
            reversed_on: row.reversed_on.map(Timestamp::from_millis),
        })
    }
}

/// What may change of a campaign.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = campaigns, treat_none_as_null = true)]
pub struct CampaignChanges {
    name: String,
    active: bool,
    redeemable_from: i64,
    valid_till: i64,
    max_links_per_customer: Option<i32>,
}

impl From<&Campaign> for CampaignChanges {
    fn from(campaign: &Campaign) -> Self {
        Self {
            name: campaign.name.clone(),
            active: campaign.active,
            redeemable_from: campaign.redeemable_from.millis(),
            valid_till: campaign.valid_till.millis(),
            max_links_per_customer: campaign.max_links_per_customer.map(count_to_db),
        }
    }
}

/// Who holds how many codes of a campaign: organisation, campaign, customer.
pub type HeldKey = (OrgId, CampaignId, CustomerId);

/// Turns rows into what the domain knows.
pub fn into_domain<Row, Thing>(rows: Vec<Row>) -> Result<Vec<Thing>, StoreError>
where
    Thing: TryFrom<Row, Error = StoreError>,
{
    rows.into_iter().map(TryInto::try_into).collect()
}

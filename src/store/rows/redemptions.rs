//! Rows of `redemptions`.

use diesel::prelude::*;

use super::{Id, corrupt};
use crate::{
    promotions::{Money, Redemption, StoreError, Timestamp, TransactionId},
    store::schema::redemptions,
};

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
    amount_minor_units: Option<i64>,
    amount_currency: Option<String>,
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
            amount_minor_units: redemption.amount.map(Money::minor_units),
            amount_currency: redemption.amount.as_ref().map(|amount| amount.currency().to_owned()),
        }
    }
}

impl TryFrom<RedemptionRow> for Redemption {
    type Error = StoreError;

    fn try_from(row: RedemptionRow) -> Result<Self, StoreError> {
        let amount = match row.amount_minor_units.zip(row.amount_currency) {
            Some((units, currency)) => {
                Some(Money::from_stored(units, &currency).ok_or_else(|| corrupt("an unknown currency"))?)
            }
            None => None,
        };
        Ok(Self {
            id: row.id.0.into(),
            org: row.org_id.try_into()?,
            promotion_id: row.promotion_id.0.into(),
            transaction_id: TransactionId::from_stored(row.transaction_id),
            redeemed_on: Timestamp::from_millis(row.redeemed_on),
            reversed_on: row.reversed_on.map(Timestamp::from_millis),
            amount,
        })
    }
}

//! Rows of `promotions`.

use std::sync::Arc;

use diesel::prelude::*;

use super::{CampaignRow, Id, mode_to_db};
use crate::{
    promotions::{Campaign, Code, Promotion, PromotionCode, StoreError, Timestamp},
    store::schema::{promotion_codes, promotions},
};

/// A new row of `promotions`.
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

/// A standing hold, as the link rules need it. Its code and campaign were read before.
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

impl HoldRow {
    /// The hold as a promotion of this code and campaign.
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

/// A promotion with the columns of its code and campaign.
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

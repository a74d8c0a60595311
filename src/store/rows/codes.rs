//! Rows of `promotion_codes`.

use diesel::prelude::*;

use super::{Id, count_to_db, mode_from_db, mode_to_db};
use crate::{
    promotions::{Code, CodeKey, FoldedCode, NewCode, NewCodes, PromotionCode, StoreError, Timestamp},
    store::schema::promotion_codes,
};

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

/// A new row of `promotion_codes`, without holds.
#[derive(Debug, Insertable)]
#[diesel(table_name = promotion_codes)]
pub struct NewCodeRow<'a> {
    org_id: i64,
    mode: i16,
    folded: &'a str,
    code: &'a str,
    campaign_id: Id,
    created_on: i64,
    revoked_on: Option<i64>,
    max_links: Option<i32>,
}

impl<'a> NewCodeRow<'a> {
    pub fn new(codes: &NewCodes, new: &'a NewCode) -> Self {
        Self {
            org_id: codes.org.get(),
            mode: mode_to_db(codes.mode),
            folded: new.code.folded().as_str(),
            code: new.code.text(),
            campaign_id: Id(codes.campaign_id.get()),
            created_on: codes.created_on.millis(),
            revoked_on: codes.revoked_on(new).map(Timestamp::millis),
            max_links: new.max_links.map(count_to_db),
        }
    }
}

/// The three columns of a code's key.
pub fn key_columns(key: &CodeKey) -> (i64, i16, String) {
    (key.org.get(), mode_to_db(key.mode), key.folded.as_str().to_owned())
}

/// A code's key from its three columns.
pub fn code_key(org_id: i64, mode: i16, folded: String) -> Result<CodeKey, StoreError> {
    Ok(CodeKey { org: org_id.try_into()?, mode: mode_from_db(mode)?, folded: FoldedCode::from_stored(folded) })
}

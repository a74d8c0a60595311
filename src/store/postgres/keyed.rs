//! Reads by key in PostgreSQL.

use diesel::{dsl::auto_type, prelude::*, sql_types::Text};

use super::lateral_join::ForEach;
use crate::{
    promotions::{CampaignId, FoldedCode, OrgId, PromotionId, PromotionMode},
    store::{
        paged::Parent,
        rows::{ApiKeyRow, CampaignRow, CampaignWithContentRow, CodeRow, Id, PromotionRow, mode_to_db},
        schema::{PublicId, api_keys, campaigns, promotion_codes, promotions},
    },
};

#[auto_type]
fn promotion(org: i64, id: Parent<PublicId>) -> _ {
    promotions::table.filter(promotions::org_id.eq(org)).filter(promotions::id.eq(id)).limit(1_i64)
}

/// The promotions of an organisation with these ids.
pub fn promotions_by_id(org: OrgId, ids: &[PromotionId]) -> ForEach<PromotionRow, Vec<Id>, promotion> {
    ForEach::new(org, ids.iter().map(|id| Id(id.get())).collect(), promotion(org.get(), Parent::new()))
}

#[auto_type]
fn code(org: i64, mode: i16, folded: Parent<Text>) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::mode.eq(mode))
        .filter(promotion_codes::folded.eq(folded))
        .limit(1_i64)
}

/// The codes of an organisation and mode with these folded texts.
pub fn codes_by_text(org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> ForEach<CodeRow, Vec<String>, code> {
    ForEach::new(
        org,
        folded.iter().map(|folded| folded.as_str().to_owned()).collect(),
        code(org.get(), mode_to_db(mode), Parent::new()),
    )
}

#[auto_type]
fn campaign(org: i64, id: Parent<PublicId>) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(campaigns::id.eq(id)).limit(1_i64)
}

/// The campaigns of an organisation with these ids, with what they say.
pub fn campaign_contents_by_id(org: OrgId, ids: &[CampaignId]) -> ForEach<CampaignWithContentRow, Vec<Id>, campaign> {
    ForEach::new(org, ids.iter().map(|id| Id(id.get())).collect(), campaign(org.get(), Parent::new()))
}

/// The campaigns of an organisation with these ids.
pub fn campaigns_by_id(org: OrgId, ids: &[CampaignId]) -> ForEach<CampaignRow, Vec<Id>, campaign> {
    ForEach::new(org, ids.iter().map(|id| Id(id.get())).collect(), campaign(org.get(), Parent::new()))
}

#[auto_type]
fn api_key(org: i64, id: Parent<PublicId>) -> _ {
    api_keys::table.filter(api_keys::org_id.eq(org)).filter(api_keys::id.eq(id)).limit(1_i64)
}

/// The API keys of an organisation with these ids.
pub fn api_keys_by_id(org: OrgId, ids: Vec<Id>) -> ForEach<ApiKeyRow, Vec<Id>, api_key> {
    ForEach::new(org, ids, api_key(org.get(), Parent::new()))
}

//! Reads by key in SQLite.

use diesel::{dsl::auto_type, prelude::*};

use super::json_sets::{Among, JsonSets};
use crate::{
    promotions::{CampaignId, FoldedCode, OrgId, PromotionId, PromotionMode},
    store::{
        rows::{Id, mode_to_db},
        schema::{campaigns, promotion_codes, promotions},
    },
};

/// All promotions with their codes and campaigns. The caller adds a filter.
#[auto_type]
pub fn promotions_in_full() -> _ {
    promotions::table
        .inner_join(
            promotion_codes::table.on(promotion_codes::org_id
                .eq(promotions::org_id)
                .and(promotion_codes::mode.eq(promotions::mode))
                .and(promotion_codes::folded.eq(promotions::folded))),
        )
        .inner_join(
            campaigns::table
                .on(campaigns::org_id.eq(promotions::org_id).and(campaigns::id.eq(promotions::campaign_id))),
        )
}

#[auto_type]
fn promotions_among(org: i64, ids: Among<promotions::id>) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(ids)
}

/// The promotions of an organisation with these ids.
pub fn promotions_by_id(org: OrgId, ids: &[PromotionId]) -> promotions_among {
    let ids: Vec<Id> = ids.iter().map(|id| Id(id.get())).collect();
    promotions_among(org.get(), promotions::id.among(&ids))
}

/// The promotion by which a customer holds a code.
#[auto_type]
pub fn held_promotion(org: i64, mode: i16, folded: String, customer: i64) -> _ {
    promotions_in_full()
        .filter(promotions::org_id.eq(org))
        .filter(promotions::mode.eq(mode))
        .filter(promotions::folded.eq(folded))
        .filter(promotions::customer_id.eq(customer))
        .filter(promotions::unlinked_on.is_null())
}

#[auto_type]
fn codes_among(org: i64, mode: i16, folded: Among<promotion_codes::folded>) -> _ {
    promotion_codes::table.filter(promotion_codes::org_id.eq(org)).filter(promotion_codes::mode.eq(mode)).filter(folded)
}

/// The codes of an organisation and mode with these folded texts.
pub fn codes_by_text(org: OrgId, mode: PromotionMode, folded: &[FoldedCode]) -> codes_among {
    let folded: Vec<String> = folded.iter().map(|folded| folded.as_str().to_owned()).collect();
    codes_among(org.get(), mode_to_db(mode), promotion_codes::folded.among(&folded))
}

#[auto_type]
fn campaigns_among(org: i64, ids: Among<campaigns::id>) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(ids)
}

/// The campaigns of an organisation with these ids.
pub fn campaigns_by_id(org: OrgId, ids: &[CampaignId]) -> campaigns_among {
    let ids: Vec<Id> = ids.iter().map(|id| Id(id.get())).collect();
    campaigns_among(org.get(), campaigns::id.among(&ids))
}

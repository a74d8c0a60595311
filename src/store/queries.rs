//! Queries as values, the same for both databases; each store runs them in its own way.

use diesel::{
    dsl::{auto_type, exists},
    prelude::*,
};

use super::{
    rows::Id,
    schema::{campaigns, promotion_codes, promotions},
};

/// Every promotion beside its code and campaign, to be narrowed by the caller.
#[auto_type]
fn promotions_in_full() -> _ {
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

/// The promotions of an organisation with these ids.
#[auto_type]
pub fn promotions_by_id(org: i64, ids: Vec<Id>) -> _ {
    promotions_in_full().filter(promotions::org_id.eq(org)).filter(promotions::id.eq_any(ids))
}

/// The codes of an organisation and mode with these folded texts.
#[auto_type]
pub fn codes_by_text(org: i64, mode: i16, folded: Vec<String>) -> _ {
    promotion_codes::table
        .filter(promotion_codes::org_id.eq(org))
        .filter(promotion_codes::mode.eq(mode))
        .filter(promotion_codes::folded.eq_any(folded))
}

/// The campaigns of an organisation with these ids.
#[auto_type]
pub fn campaigns_by_id(org: i64, ids: Vec<Id>) -> _ {
    campaigns::table.filter(campaigns::org_id.eq(org)).filter(campaigns::id.eq_any(ids))
}

/// Whether an organisation has any campaign.
#[auto_type]
pub fn has_campaigns(org: i64) -> _ {
    exists(campaigns::table.filter(campaigns::org_id.eq(org)))
}

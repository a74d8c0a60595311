//! The events of codes. Adding codes makes one event for each transaction, not for each code.

use serde::Serialize;
use uuid::Uuid;

use super::{EventType, NewEvent};
use crate::promotions::{
    attribution::{Actor, Attribution},
    campaign::{CampaignWithContent, PromotionMode},
    code::PromotionCode,
    ids::{CampaignId, OrgId},
    import::NewCodes,
    time::Timestamp,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddedData {
    campaign_id: Uuid,
    mode: PromotionMode,
    /// How many codes were added.
    added: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RevokedData<'a> {
    campaign_id: Uuid,
    mode: PromotionMode,
    /// How many codes were revoked.
    revoked: usize,
    codes: [&'a str; 1],
}

impl NewEvent {
    /// Codes were added to a campaign. `None` if all of them existed already.
    #[must_use]
    pub fn codes_added(codes: &NewCodes, added: usize) -> Option<Self> {
        let NewCodes { org, campaign_id, mode, created_on, ref attribution, .. } = *codes;
        (added > 0).then(|| Self::codes_added_to(org, campaign_id, mode, added, attribution, created_on))
    }

    fn codes_added_to(
        org: OrgId,
        campaign: CampaignId,
        mode: PromotionMode,
        added: usize,
        by: &Attribution,
        now: Timestamp,
    ) -> Self {
        let data = AddedData { campaign_id: campaign.get(), mode, added };
        let event = Self::new(EventType::CodesAdded, org, campaign.get(), &data, by, now);
        Self { campaign_id: Some(campaign), ..event }
    }

    /// Campaigns with codes were added to an organisation that had none.
    #[must_use]
    pub fn seeded(campaigns: &[CampaignWithContent], codes: &[PromotionCode], now: Timestamp) -> Vec<Self> {
        let by = Attribution::to(Actor::Server);
        let events_of = |seeded: &CampaignWithContent| {
            let campaign = &seeded.campaign;
            let added = codes.iter().filter(|code| code.campaign_id == campaign.id).count();
            let codes = || Self::codes_added_to(campaign.org, campaign.id, campaign.mode, added, &by, now);
            let created = Self { occurred_on: now, ..Self::campaign_created(seeded, &by) };
            [Some(created), (added > 0).then(codes)].into_iter().flatten()
        };
        campaigns.iter().flat_map(events_of).collect()
    }

    /// A code was revoked.
    #[must_use]
    pub fn code_revoked(code: &PromotionCode, by: &Attribution, now: Timestamp) -> Self {
        let campaign = code.campaign_id.get();
        let data = RevokedData { campaign_id: campaign, mode: code.mode, revoked: 1, codes: [code.code.text()] };
        let event = Self::new(EventType::CodesRevoked, code.org, campaign, &data, by, now);
        Self { campaign_id: Some(code.campaign_id), ..event }
    }
}

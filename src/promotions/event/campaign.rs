//! The events of campaigns.

use serde::Serialize;
use uuid::Uuid;

use super::{Changed, EventType, NewEvent};
use crate::promotions::{
    attribution::Attribution,
    campaign::{Campaign, PromotionMode},
    time::Timestamp,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedData<'a> {
    id: Uuid,
    org_id: i64,
    name: &'a str,
    mode: PromotionMode,
    active: bool,
    created_on: i64,
    redeemable_from: i64,
    valid_till: i64,
    valid_for_days: Option<u32>,
    max_links_per_customer: Option<u32>,
    max_redemptions_per_link: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedData<'a> {
    id: Uuid,
    org_id: i64,
    /// As it was after the change.
    name: &'a str,
    mode: PromotionMode,
    changes: Changes<'a>,
}

/// The fields that can change. Those that did not are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Changed<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<Changed<bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redeemable_from: Option<Changed<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_till: Option<Changed<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_links_per_customer: Option<Changed<Option<u32>>>,
}

impl NewEvent {
    /// A campaign was created.
    #[must_use]
    pub fn campaign_created(campaign: &Campaign, by: &Attribution) -> Self {
        let data = CreatedData {
            id: campaign.id.get(),
            org_id: campaign.org.get(),
            name: &campaign.name,
            mode: campaign.mode,
            active: campaign.active,
            created_on: campaign.created_on.millis(),
            redeemable_from: campaign.redeemable_from.millis(),
            valid_till: campaign.valid_till.millis(),
            valid_for_days: campaign.valid_for_days,
            max_links_per_customer: campaign.max_links_per_customer,
            max_redemptions_per_link: campaign.max_redemptions_per_link,
        };
        Self::of_campaign(EventType::CampaignCreated, campaign, &data, by, campaign.created_on)
    }

    /// A campaign was changed. `None` if nothing is different.
    #[must_use]
    pub fn campaign_updated(old: &Campaign, new: &Campaign, by: &Attribution, now: Timestamp) -> Option<Self> {
        if old == new {
            return None;
        }
        let changes = Changes {
            name: Changed::between(&*old.name, &*new.name),
            active: Changed::between(old.active, new.active),
            redeemable_from: Changed::between(old.redeemable_from.millis(), new.redeemable_from.millis()),
            valid_till: Changed::between(old.valid_till.millis(), new.valid_till.millis()),
            max_links_per_customer: Changed::between(old.max_links_per_customer, new.max_links_per_customer),
        };
        let data = UpdatedData { id: new.id.get(), org_id: new.org.get(), name: &new.name, mode: new.mode, changes };
        Some(Self::of_campaign(EventType::CampaignUpdated, new, &data, by, now))
    }

    fn of_campaign(
        event_type: EventType,
        campaign: &Campaign,
        data: &impl Serialize,
        by: &Attribution,
        now: Timestamp,
    ) -> Self {
        let event = Self::new(event_type, campaign.org, campaign.id.get(), data, by, now);
        Self { campaign_id: Some(campaign.id), ..event }
    }
}

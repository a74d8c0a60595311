//! The events of campaigns.

use serde::Serialize;
use uuid::Uuid;

use super::{Changed, EventType, NewEvent};
use crate::promotions::{
    attribution::Attribution,
    campaign::{CampaignWithContent, PromotionMode},
    offer::{MetadataEntry, Offer},
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
    version: u32,
    offer: Option<&'a Offer>,
    metadata: &'a [MetadataEntry],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdatedData<'a> {
    id: Uuid,
    org_id: i64,
    /// As it was after the change.
    name: &'a str,
    mode: PromotionMode,
    version: u32,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_for_days: Option<Changed<Option<u32>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_redemptions_per_link: Option<Changed<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<Changed<Option<&'a Offer>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Changed<&'a [MetadataEntry]>>,
}

impl NewEvent {
    /// A campaign was created.
    #[must_use]
    pub fn campaign_created(created: &CampaignWithContent, by: &Attribution) -> Self {
        let CampaignWithContent { campaign, content } = created;
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
            version: campaign.version,
            offer: content.offer.as_ref(),
            metadata: &content.metadata,
        };
        Self::of_campaign(EventType::CampaignCreated, created, &data, by, campaign.created_on)
    }

    /// A campaign was changed. `None` if nothing is different.
    #[must_use]
    pub fn campaign_updated(
        before: &CampaignWithContent,
        after: &CampaignWithContent,
        by: &Attribution,
        now: Timestamp,
    ) -> Option<Self> {
        if before == after {
            return None;
        }
        let (
            CampaignWithContent { campaign: old, content: old_content },
            CampaignWithContent { campaign: new, content },
        ) = (before, after);
        let changes = Changes {
            name: Changed::between(&*old.name, &*new.name),
            active: Changed::between(old.active, new.active),
            redeemable_from: Changed::between(old.redeemable_from.millis(), new.redeemable_from.millis()),
            valid_till: Changed::between(old.valid_till.millis(), new.valid_till.millis()),
            max_links_per_customer: Changed::between(old.max_links_per_customer, new.max_links_per_customer),
            valid_for_days: Changed::between(old.valid_for_days, new.valid_for_days),
            max_redemptions_per_link: Changed::between(old.max_redemptions_per_link, new.max_redemptions_per_link),
            offer: Changed::between(old_content.offer.as_ref(), content.offer.as_ref()),
            metadata: Changed::between(&*old_content.metadata, &*content.metadata),
        };
        let data = UpdatedData {
            id: new.id.get(),
            org_id: new.org.get(),
            name: &new.name,
            mode: new.mode,
            version: new.version,
            changes,
        };
        Some(Self::of_campaign(EventType::CampaignUpdated, after, &data, by, now))
    }

    fn of_campaign(
        event_type: EventType,
        of: &CampaignWithContent,
        data: &impl Serialize,
        by: &Attribution,
        now: Timestamp,
    ) -> Self {
        let campaign = &of.campaign;
        let event = Self::new(event_type, campaign.org, campaign.id.get(), data, by, now);
        Self { campaign_id: Some(campaign.id), ..event }
    }
}

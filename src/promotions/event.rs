//! Events: one immutable record for each change, written in the transaction of the change.

mod campaign;
mod code;
mod promotion;

use serde::Serialize;
use uuid::Uuid;

pub use self::promotion::LinkOrigin;
use super::{
    attribution::Attribution,
    ids::{CampaignId, CustomerId, OrgId, uuid_id},
    time::Timestamp,
};

uuid_id! {
    /// An event.
    EventId
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventType {
    /// A code was linked to a customer.
    PromotionLinked,
    /// A promotion was unlinked.
    PromotionUnlinked,
    /// A promotion was redeemed.
    PromotionRedeemed,
    /// A redemption was reversed.
    RedemptionReversed,
    /// Codes were added to a campaign.
    CodesAdded,
    /// Codes were revoked.
    CodesRevoked,
    /// A campaign was created.
    CampaignCreated,
    /// A campaign was changed.
    CampaignUpdated,
    /// An API key was created.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// A webhook endpoint was created.
    WebhookCreated,
    /// A webhook endpoint was changed, by an operator or by the server.
    WebhookUpdated,
    /// A webhook endpoint was deleted.
    WebhookDeleted,
}

impl EventType {
    /// All types.
    pub const ALL: [Self; 13] = [
        Self::PromotionLinked,
        Self::PromotionUnlinked,
        Self::PromotionRedeemed,
        Self::RedemptionReversed,
        Self::CodesAdded,
        Self::CodesRevoked,
        Self::CampaignCreated,
        Self::CampaignUpdated,
        Self::ApiKeyCreated,
        Self::ApiKeyRevoked,
        Self::WebhookCreated,
        Self::WebhookUpdated,
        Self::WebhookDeleted,
    ];

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event_type| event_type.name() == name)
    }

    /// Its name in webhooks and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PromotionLinked => "promotion.linked",
            Self::PromotionUnlinked => "promotion.unlinked",
            Self::PromotionRedeemed => "promotion.redeemed",
            Self::RedemptionReversed => "redemption.reversed",
            Self::CodesAdded => "codes.added",
            Self::CodesRevoked => "codes.revoked",
            Self::CampaignCreated => "campaign.created",
            Self::CampaignUpdated => "campaign.updated",
            Self::ApiKeyCreated => "api_key.created",
            Self::ApiKeyRevoked => "api_key.revoked",
            Self::WebhookCreated => "webhook.created",
            Self::WebhookUpdated => "webhook.updated",
            Self::WebhookDeleted => "webhook.deleted",
        }
    }
}

/// An event to record. It gets its position when it is recorded.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// The tenant.
    pub org: OrgId,
    /// The kind of the change.
    pub event_type: EventType,
    /// When the change was made.
    pub occurred_on: Timestamp,
    /// Who made it, and why.
    pub attribution: Attribution,
    /// The id of what changed: a promotion, redemption, campaign, API key or webhook endpoint.
    pub subject: Uuid,
    /// The campaign that it belongs to.
    pub campaign_id: Option<CampaignId>,
    /// The customer that it belongs to.
    pub customer_id: Option<CustomerId>,
    /// A JSON object: what changed, as it was after the change.
    pub data: String,
}

impl NewEvent {
    /// An event that belongs to neither a campaign nor a customer.
    ///
    /// # Panics
    /// If the data can't be written as JSON, as a map with keys that are not text.
    pub fn new(
        event_type: EventType,
        org: OrgId,
        subject: Uuid,
        data: &impl Serialize,
        by: &Attribution,
        now: Timestamp,
    ) -> Self {
        Self {
            id: EventId::new(now),
            org,
            event_type,
            occurred_on: now,
            attribution: by.clone(),
            subject,
            campaign_id: None,
            customer_id: None,
            data: serde_json::to_string(data).expect("data of events has text keys"),
        }
    }
}

/// The old and the new value of a field.
#[derive(Debug, Serialize)]
pub struct Changed<T> {
    old: T,
    new: T,
}

impl<T: PartialEq> Changed<T> {
    /// `None` if the values are equal.
    pub fn between(old: T, new: T) -> Option<Self> {
        (old != new).then_some(Self { old, new })
    }
}

/// A recorded event.
#[derive(Debug, Clone)]
pub struct Event {
    /// 1, 2, 3 and so on in the organisation, without gaps.
    pub position: i64,
    /// Its id.
    pub id: EventId,
    /// The tenant.
    pub org: OrgId,
    /// The kind of the change.
    pub event_type: EventType,
    /// When the change was recorded. Never earlier than that of the position before.
    pub occurred_on: Timestamp,
    /// Who made it, and why.
    pub attribution: Attribution,
    /// The name of the API key that made it.
    pub actor_name: Option<String>,
    /// A JSON object: what changed, as it was after the change.
    pub data: String,
}

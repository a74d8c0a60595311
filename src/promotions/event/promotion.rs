//! The events of promotions and their redemptions. Their data has the eleven documented fields of the promotion and its
//! state, and what belongs to the type.

use serde::Serialize;
use uuid::Uuid;

use super::{EventType, NewEvent};
use crate::promotions::{
    attribution::Attribution,
    campaign::PromotionMode,
    money::Money,
    promotion::{Promotion, PromotionState},
    redeem::Redemption,
    time::Timestamp,
};

/// How a promotion came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LinkOrigin {
    /// A request linked it.
    Link,
    /// An import of codes linked it.
    Import,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    id: Uuid,
    org_id: i64,
    promotion_id: Uuid,
    promotion_name: &'a str,
    code: &'a str,
    customer_id: i64,
    active: bool,
    created_on: i64,
    valid_till: i64,
    mode: PromotionMode,
    redeemable_from: i64,
    state: PromotionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<LinkOrigin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redemption: Option<RedemptionData<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RedemptionData<'a> {
    id: Uuid,
    transaction_id: &'a str,
    redeemed_on: i64,
    reversed_on: Option<i64>,
    amount: Option<Money>,
}

impl NewEvent {
    /// A promotion was linked.
    #[must_use]
    pub fn linked(promotion: &Promotion, origin: LinkOrigin, by: &Attribution, now: Timestamp) -> Self {
        let data = Data { origin: Some(origin), ..data_of(promotion, now) };
        Self::of_promotion(EventType::PromotionLinked, promotion.id.get(), promotion, &data, by, now)
    }

    /// A promotion was unlinked. The promotion is as it was after that.
    #[must_use]
    pub fn unlinked(promotion: &Promotion, by: &Attribution, now: Timestamp) -> Self {
        let data = data_of(promotion, now);
        Self::of_promotion(EventType::PromotionUnlinked, promotion.id.get(), promotion, &data, by, now)
    }

    /// A promotion was redeemed. The promotion is as it was after that.
    #[must_use]
    pub fn redeemed(promotion: &Promotion, redemption: &Redemption, by: &Attribution, now: Timestamp) -> Self {
        Self::of_redemption(EventType::PromotionRedeemed, promotion, redemption, by, now)
    }

    /// A redemption was reversed. Both are as they were after that.
    #[must_use]
    pub fn reversed(promotion: &Promotion, redemption: &Redemption, by: &Attribution, now: Timestamp) -> Self {
        Self::of_redemption(EventType::RedemptionReversed, promotion, redemption, by, now)
    }

    fn of_redemption(
        event_type: EventType,
        promotion: &Promotion,
        redemption: &Redemption,
        by: &Attribution,
        now: Timestamp,
    ) -> Self {
        let of_redemption = RedemptionData {
            id: redemption.id.get(),
            transaction_id: redemption.transaction_id.as_str(),
            redeemed_on: redemption.redeemed_on.millis(),
            reversed_on: redemption.reversed_on.map(Timestamp::millis),
            amount: redemption.amount,
        };
        let data = Data { redemption: Some(of_redemption), ..data_of(promotion, now) };
        Self::of_promotion(event_type, redemption.id.get(), promotion, &data, by, now)
    }

    fn of_promotion(
        event_type: EventType,
        subject: Uuid,
        promotion: &Promotion,
        data: &Data<'_>,
        by: &Attribution,
        now: Timestamp,
    ) -> Self {
        Self {
            campaign_id: Some(promotion.campaign.id),
            customer_id: Some(promotion.customer_id),
            ..Self::new(event_type, promotion.campaign.org, subject, data, by, now)
        }
    }
}

fn data_of(promotion: &Promotion, now: Timestamp) -> Data<'_> {
    let campaign = &promotion.campaign;
    Data {
        id: promotion.id.get(),
        org_id: campaign.org.get(),
        promotion_id: campaign.id.get(),
        promotion_name: &campaign.name,
        code: promotion.code.text(),
        customer_id: promotion.customer_id.get(),
        active: promotion.is_active(now),
        created_on: promotion.created_on.millis(),
        valid_till: promotion.valid_till().millis(),
        mode: campaign.mode,
        redeemable_from: promotion.redeemable_from().millis(),
        state: promotion.state(now),
        origin: None,
        redemption: None,
    }
}

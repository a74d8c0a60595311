//! Promotions: customers' holds on codes, and their state under their campaign's terms.

use std::sync::Arc;

use serde::Serialize;

use super::{
    campaign::Campaign,
    code::{Code, CodeKey},
    ids::{CustomerId, PromotionId},
    time::Timestamp,
};

/// One customer's hold on one code, created by linking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// Its id.
    pub id: PromotionId,
    /// The customer that holds the code.
    pub customer_id: CustomerId,
    /// The code as it was issued.
    pub code: Code,
    /// When the code was linked.
    pub created_on: Timestamp,
    /// When it was unlinked, if it was.
    pub unlinked_on: Option<Timestamp>,
    /// Whether the code was revoked.
    pub revoked: bool,
    /// The number of redemptions that were not reversed.
    pub redemption_count: u32,
    /// The code's campaign in its current form.
    pub campaign: Arc<Campaign>,
}

/// The state of a promotion. If several apply, the first in this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PromotionState {
    /// The customer no longer holds the code.
    Unlinked,
    /// The campaign is inactive or the code was revoked.
    Inactive,
    /// Past its validity.
    Expired,
    /// Redeemed as often as its campaign permits.
    Redeemed,
    /// Linked before its campaign's `redeemable_from`.
    NotYetRedeemable,
    /// Can be redeemed.
    Active,
}

impl Promotion {
    /// The key of its code.
    #[must_use]
    pub fn key(&self) -> CodeKey {
        CodeKey { org: self.campaign.org, mode: self.campaign.mode, folded: self.code.folded().clone() }
    }

    /// The earliest time of redemption: the later of linking and the campaign's `redeemable_from`.
    #[must_use]
    pub fn redeemable_from(&self) -> Timestamp {
        self.created_on.max(self.campaign.redeemable_from)
    }

    /// The end of its validity: the earlier of the campaign's `valid_till` and `valid_for_days` after linking.
    #[must_use]
    pub fn valid_till(&self) -> Timestamp {
        let till = self.campaign.valid_till;
        self.campaign.valid_for_days.map_or(till, |days| till.min(self.created_on.plus_days(days)))
    }

    /// Whether it is active: campaign active, code not revoked, not unlinked, not past `valid_till`.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        use PromotionState::{Active, NotYetRedeemable, Redeemed};
        matches!(self.state(now), Redeemed | NotYetRedeemable | Active)
    }

    /// Its state at this time.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> PromotionState {
        if self.unlinked_on.is_some() {
            PromotionState::Unlinked
        } else if self.revoked || !self.campaign.active {
            PromotionState::Inactive
        } else if now > self.valid_till() {
            PromotionState::Expired
        } else if self.redemption_count >= self.campaign.max_redemptions_per_link {
            PromotionState::Redeemed
        } else if now < self.campaign.redeemable_from {
            // Not `self.redeemable_from()`: linking is in the past, even if this process's clock is behind.
            PromotionState::NotYetRedeemable
        } else {
            PromotionState::Active
        }
    }
}

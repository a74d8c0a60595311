//! A promotion: one customer's hold on one code, and what follows from its campaign's terms.

use std::sync::Arc;

use super::{
    campaign::Campaign,
    code::{Code, CodeKey},
    ids::{CustomerId, PromotionId},
    time::Timestamp,
};

/// One customer's hold on one code: what linking makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// Its id.
    pub id: PromotionId,
    /// Who holds the code.
    pub customer_id: CustomerId,
    /// The code as it was issued.
    pub code: Code,
    /// The moment of linking.
    pub created_on: Timestamp,
    /// When the hold was given up, if it was.
    pub unlinked_on: Option<Timestamp>,
    /// Whether the code was revoked.
    pub revoked: bool,
    /// How often it has been redeemed, without what was reversed.
    pub redemption_count: u32,
    /// The code's campaign, as it stands now.
    pub campaign: Arc<Campaign>,
}

/// Where a promotion is in its life. Of several that hold, the first in the order given here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromotionState {
    /// The customer no longer holds the code.
    Unlinked,
    /// The campaign is inactive or the code was revoked.
    Inactive,
    /// Past its validity.
    Expired,
    /// Redeemed as often as its campaign allows.
    Redeemed,
    /// Linked, but its campaign's time has not come.
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

    /// The first moment at which it can be redeemed: the later of linking and the campaign's.
    #[must_use]
    pub fn redeemable_from(&self) -> Timestamp {
        self.created_on.max(self.campaign.redeemable_from)
    }

    /// The last moment at which it is valid: the earlier of the campaign's and `valid_for_days` after linking.
    #[must_use]
    pub fn valid_till(&self) -> Timestamp {
        let till = self.campaign.valid_till;
        self.campaign.valid_for_days.map_or(till, |days| till.min(self.created_on.plus_days(days)))
    }

    /// Whether the hold stands: campaign active, code not revoked, not unlinked, not past its validity.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        use PromotionState::{Active, NotYetRedeemable, Redeemed};
        matches!(self.state(now), Redeemed | NotYetRedeemable | Active)
    }

    /// Where it is in its life at that moment.
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
            // Not `self.redeemable_from()`: that it was linked is past, even where this process's clock is behind.
            PromotionState::NotYetRedeemable
        } else {
            PromotionState::Active
        }
    }
}

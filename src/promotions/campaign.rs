//! Campaigns: what marketing defines, and what their terms mean for a hold.

use super::{
    ids::{CampaignId, OrgId},
    time::Timestamp,
};

/// What a code is for. Codes of the two modes are two sets: the same text may stand in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PromotionMode {
    /// The code takes a discount off the cart.
    Discount,
    /// The code pays for the cart.
    PaymentVoucher,
}

/// What marketing defines; its id and name are the `promotionId` and `promotionName` of its promotions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// The tenant that it belongs to.
    pub org: OrgId,
    /// Its id.
    pub id: CampaignId,
    /// Its name, for people.
    pub name: String,
    /// What its codes are for.
    pub mode: PromotionMode,
    /// Whether its codes can be linked and redeemed at all.
    pub active: bool,
    /// When it was defined.
    pub created_on: Timestamp,
    /// The first moment at which its promotions can be redeemed.
    pub redeemable_from: Timestamp,
    /// The last moment at which its codes can be linked and its promotions redeemed.
    pub valid_till: Timestamp,
    /// Days that a promotion stays valid after linking, never past `valid_till`; `None`: until `valid_till`.
    pub valid_for_days: Option<u32>,
    /// How many codes of this campaign one customer may hold; `None`: any number.
    pub max_links_per_customer: Option<u32>,
    /// How often one promotion may be redeemed.
    pub max_redemptions_per_link: u32,
}

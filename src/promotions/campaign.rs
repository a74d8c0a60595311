//! Campaigns: what marketing defines, within which bounds, and how it may change.

use std::borrow::Cow;

use super::{
    folding::all_visible,
    ids::{CampaignId, OrgId},
    time::Timestamp,
};

/// The longest campaign name, in characters after trimming.
pub const MAX_NAME_CHARS: usize = 200;

/// The most days that a promotion can be valid after linking: a hundred years.
const MAX_VALID_FOR_DAYS: u32 = 36_500;

/// The largest limit on links or redemptions: what a GraphQL `Int` holds.
pub const MAX_LIMIT: u32 = i32::MAX.cast_unsigned();

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

/// What is wrong with a campaign's definition, and in which of its fields (as the API names them).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct InvalidCampaign {
    /// The field.
    pub field: &'static str,
    /// The reason, for people.
    pub reason: Cow<'static, str>,
}

fn invalid<T>(field: &'static str, reason: impl Into<Cow<'static, str>>) -> Result<T, InvalidCampaign> {
    Err(InvalidCampaign { field, reason: reason.into() })
}

/// Checks a campaign's name, and trims it.
fn checked_name(name: &str) -> Result<String, InvalidCampaign> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return invalid("name", "1 to 200 characters are required");
    }
    match all_visible(name) {
        Ok(()) => Ok(name.to_owned()),
        Err(invisible) => invalid("name", format!("it can't contain {invisible}")),
    }
}

impl Campaign {
    /// Checks the definition of a new campaign, and trims the name.
    pub fn checked(mut self) -> Result<Self, InvalidCampaign> {
        self.name = checked_name(&self.name)?;
        self.with_checked_terms()
    }

    fn with_checked_terms(self) -> Result<Self, InvalidCampaign> {
        if self.valid_till < self.redeemable_from {
            return invalid("validTill", "it can't be before redeemableFrom");
        }
        if self.valid_for_days.is_some_and(|days| !(1..=MAX_VALID_FOR_DAYS).contains(&days)) {
            return invalid("validForDays", "1 to 36500 days are wanted");
        }
        if self.max_links_per_customer.is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit)) {
            return invalid("maxLinksPerCustomer", "a number of at least 1 is wanted");
        }
        if !(1..=MAX_LIMIT).contains(&self.max_redemptions_per_link) {
            return invalid("maxRedemptionsPerLink", "a number of at least 1 is wanted");
        }
        Ok(self)
    }
}

/// What to change of a campaign; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct CampaignChange {
    /// Another name.
    pub name: Option<String>,
    /// Switched on or off.
    pub active: Option<bool>,
    /// Another end.
    pub valid_till: Option<Timestamp>,
    /// Another beginning.
    pub redeemable_from: Option<Timestamp>,
    /// Another limit, or none. What customers hold above it they keep.
    pub max_links_per_customer: Option<Option<u32>>,
}

impl CampaignChange {
    /// The campaign as it would be.
    pub fn apply(&self, mut campaign: Campaign) -> Result<Campaign, InvalidCampaign> {
        if let Some(name) = &self.name {
            campaign.name = checked_name(name)?;
        }
        campaign.active = self.active.unwrap_or(campaign.active);
        campaign.valid_till = self.valid_till.unwrap_or(campaign.valid_till);
        campaign.redeemable_from = self.redeemable_from.unwrap_or(campaign.redeemable_from);
        campaign.max_links_per_customer = self.max_links_per_customer.unwrap_or(campaign.max_links_per_customer);
        // A name from before names were checked as they are now stays.
        campaign.with_checked_terms()
    }
}

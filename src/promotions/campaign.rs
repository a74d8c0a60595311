//! Campaigns: what marketing defines, the limits of each field, and how a campaign may change.

use serde::Serialize;

use super::{
    ids::{CampaignId, OrgId},
    offer::{CampaignContent, MetadataEntry, Offer},
    time::Timestamp,
    visibility::{Invisible, check_visible},
};

/// The longest campaign name, in characters after trimming.
const MAX_NAME_CHARS: usize = 200;

/// The longest validity after linking, in days: a hundred years.
const MAX_VALID_FOR_DAYS: u32 = 36_500;

/// The largest limit on links or redemptions: the largest signed 32-bit integer, which clients and both databases hold.
pub const MAX_LIMIT: u32 = i32::MAX.cast_unsigned();

/// What a code is for. Each mode has its own set of codes: the same text may be a code in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PromotionMode {
    /// The code takes a discount off the cart.
    Discount,
    /// The code pays for the cart.
    PaymentVoucher,
}

/// What marketing defines. Its id and name are the `promotionId` and `promotionName` of its promotions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// The tenant.
    pub org: OrgId,
    /// Its id.
    pub id: CampaignId,
    /// Its name, for people.
    pub name: String,
    /// What its codes are for.
    pub mode: PromotionMode,
    /// Whether its codes can be linked and redeemed at all.
    pub active: bool,
    /// When it was created.
    pub created_on: Timestamp,
    /// The earliest time at which its promotions can be redeemed.
    pub redeemable_from: Timestamp,
    /// The latest time at which its codes can be linked and its promotions redeemed.
    pub valid_till: Timestamp,
    /// Days that a promotion stays valid after linking, never past `valid_till`; `None` for until `valid_till`.
    pub valid_for_days: Option<u32>,
    /// The number of codes of this campaign that one customer may hold; `None` for no limit.
    pub max_links_per_customer: Option<u32>,
    /// The number of times that one promotion may be redeemed.
    pub max_redemptions_per_link: u32,
    /// 1 at first, and one more with each change.
    pub version: u32,
}

/// A campaign and what it says. Linking reads only the campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignWithContent {
    /// Its terms.
    pub campaign: Campaign,
    /// What it says to shoppers and operators.
    pub content: CampaignContent,
}

impl From<Campaign> for CampaignWithContent {
    /// A campaign that says nothing.
    fn from(campaign: Campaign) -> Self {
        Self { campaign, content: CampaignContent::default() }
    }
}

/// The definition of a campaign to create. [`NewCampaign::create`] checks it.
#[derive(Debug, Clone)]
pub struct NewCampaign {
    /// Its name, for people: 1 to 200 visible characters after trimming.
    pub name: String,
    /// What its codes are for.
    pub mode: PromotionMode,
    /// Whether its codes can be linked and redeemed at all; active by default.
    pub active: Option<bool>,
    /// The earliest time at which its promotions can be redeemed; the time of creation by default.
    pub redeemable_from: Option<Timestamp>,
    /// The latest time at which its codes can be linked and its promotions redeemed.
    pub valid_till: Timestamp,
    /// Days that a promotion stays valid after linking, 1 to 36,500; until `valid_till` by default.
    pub valid_for_days: Option<u32>,
    /// The number of codes of this campaign that one customer may hold, from 1; no limit by default.
    pub max_links_per_customer: Option<u32>,
    /// The number of times that one promotion may be redeemed, from 1; once by default.
    pub max_redemptions_per_link: Option<u32>,
    /// What it says to shoppers and operators.
    pub content: CampaignContent,
}

/// The field of a campaign that is invalid. The messages follow the field's name: "name must have 1 to 200 characters".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCampaign {
    /// The name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// `valid_till` is before `redeemable_from`.
    #[error("must not be before redeemableFrom")]
    ValidTill,
    /// `valid_for_days` is out of range.
    #[error("must be from 1 to {MAX_VALID_FOR_DAYS}")]
    ValidForDays,
    /// `max_links_per_customer` is out of range.
    #[error("must be from 1 to {MAX_LIMIT}")]
    MaxLinksPerCustomer,
    /// `max_redemptions_per_link` is out of range.
    #[error("must be from 1 to {MAX_LIMIT}")]
    MaxRedemptionsPerLink,
}

/// Why a text is not a campaign's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It is empty after trimming, or too long.
    #[error("must have 1 to {MAX_NAME_CHARS} characters")]
    Length,
    /// It has an invisible character.
    #[error("must not contain {0}")]
    Invisible(#[from] Invisible),
}

impl NewCampaign {
    /// Checks the definition and applies the defaults.
    pub fn create(self, org: OrgId, now: Timestamp) -> Result<CampaignWithContent, InvalidCampaign> {
        let campaign = Campaign {
            org,
            id: CampaignId::new(now),
            name: parse_name(&self.name)?,
            mode: self.mode,
            active: self.active.unwrap_or(true),
            created_on: now,
            redeemable_from: self.redeemable_from.unwrap_or(now),
            valid_till: self.valid_till,
            valid_for_days: self.valid_for_days,
            max_links_per_customer: self.max_links_per_customer,
            max_redemptions_per_link: self.max_redemptions_per_link.unwrap_or(1),
            version: 1,
        };
        campaign.check_terms()?;
        Ok(CampaignWithContent { campaign, content: self.content })
    }
}

impl Campaign {
    /// Checks everything except the name.
    fn check_terms(&self) -> Result<(), InvalidCampaign> {
        if self.valid_till < self.redeemable_from {
            return Err(InvalidCampaign::ValidTill);
        }
        if self.valid_for_days.is_some_and(|days| !(1..=MAX_VALID_FOR_DAYS).contains(&days)) {
            return Err(InvalidCampaign::ValidForDays);
        }
        if self.max_links_per_customer.is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit)) {
            return Err(InvalidCampaign::MaxLinksPerCustomer);
        }
        if !(1..=MAX_LIMIT).contains(&self.max_redemptions_per_link) {
            return Err(InvalidCampaign::MaxRedemptionsPerLink);
        }
        Ok(())
    }
}

fn parse_name(name: &str) -> Result<String, InvalidName> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(InvalidName::Length);
    }
    check_visible(name)?;
    Ok(name.to_owned())
}

/// A change of a campaign. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct CampaignChange {
    /// The new name.
    pub name: Option<String>,
    /// Activates or deactivates the campaign.
    pub active: Option<bool>,
    /// The new end of validity.
    pub valid_till: Option<Timestamp>,
    /// The new earliest time of redemption.
    pub redeemable_from: Option<Timestamp>,
    /// The new validity after linking, or `Some(None)` to remove it.
    pub valid_for_days: Option<Option<u32>>,
    /// The new limit, or `Some(None)` to remove it. Customers keep the codes that they hold above it.
    pub max_links_per_customer: Option<Option<u32>>,
    /// The new limit. Redemptions above it stay.
    pub max_redemptions_per_link: Option<u32>,
    /// The new offer, or `Some(None)` to remove it.
    pub offer: Option<Option<Offer>>,
    /// The new metadata.
    pub metadata: Option<Vec<MetadataEntry>>,
    /// The version that the campaign must have.
    pub expected_version: Option<u32>,
}

/// Why a campaign was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CampaignRejection {
    /// A field is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidCampaign),
    /// The campaign has another version than the expected one.
    #[error("the campaign has another version")]
    VersionConflict,
}

impl CampaignChange {
    /// Returns the changed campaign. Its version is the next one if anything is different.
    pub fn apply(&self, old: &CampaignWithContent) -> Result<CampaignWithContent, CampaignRejection> {
        if self.expected_version.is_some_and(|expected| expected != old.campaign.version) {
            return Err(CampaignRejection::VersionConflict);
        }
        let CampaignWithContent { mut campaign, mut content } = old.clone();
        // An unchanged name is not checked: it may be older than today's rules for names.
        if let Some(name) = &self.name {
            campaign.name = parse_name(name).map_err(InvalidCampaign::Name)?;
        }
        campaign.active = self.active.unwrap_or(campaign.active);
        campaign.valid_till = self.valid_till.unwrap_or(campaign.valid_till);
        campaign.redeemable_from = self.redeemable_from.unwrap_or(campaign.redeemable_from);
        campaign.valid_for_days = self.valid_for_days.unwrap_or(campaign.valid_for_days);
        campaign.max_links_per_customer = self.max_links_per_customer.unwrap_or(campaign.max_links_per_customer);
        campaign.max_redemptions_per_link = self.max_redemptions_per_link.unwrap_or(campaign.max_redemptions_per_link);
        campaign.check_terms()?;
        if let Some(offer) = &self.offer {
            content.offer.clone_from(offer);
        }
        if let Some(metadata) = &self.metadata {
            content.metadata.clone_from(metadata);
        }
        let mut new = CampaignWithContent { campaign, content };
        if new != *old {
            new.campaign.version = new.campaign.version.saturating_add(1);
        }
        Ok(new)
    }
}
